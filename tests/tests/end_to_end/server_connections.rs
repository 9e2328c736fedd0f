//! Connections to a server that say nothing, too many of them, and those of clients that have died.

use std::io;
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::{Manager, Server};
use tests::authority::Authority;
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered_replica::{Cluster, request};
use tests::soon;
use tests::spec::Count;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// What a client says first: the preface of HTTP/2, and settings that have none.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A server in memory, what connects to it, and what shuts it down.
struct InMemory {
    connect: mpsc::UnboundedSender<DuplexStream>,
    stop: tokio::sync::oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl InMemory {
    fn serve(server: Server) -> Self {
        let (connect, connections) = mpsc::unbounded_channel();
        let incoming = UnboundedReceiverStream::new(connections).map(Ok::<_, io::Error>);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let served = server.serve_connections(incoming, async { drop(stopped.await) });
            served.await.expect("it serves");
        });
        Self {
            connect,
            stop,
            serving,
        }
    }

    fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        self.connect.send(server).expect("it accepts");
        client
    }
}

/// Reads to the end of a connection. How long that took.
async fn closed(connection: &mut (impl AsyncReadExt + Unpin)) -> Duration {
    let before = Instant::now();
    // Ended or reset: both are the end of it.
    let _ = connection.read_to_end(&mut Vec::new()).await;
    before.elapsed()
}

fn about(seconds: f64, took: Duration) {
    let took = took.as_secs_f64();
    assert!((seconds..seconds + 0.5).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_shake_hands_in_time_is_disconnected() {
    let cluster = Cluster::start(0);
    let server = InMemory::serve(Server::new(cluster.router(1)));
    let mut silent = server.connect();
    about(10.0, closed(&mut silent).await);
    let mut half = server.connect();
    half.write_all(&PREFACE[..20]).await.expect("it is taken");
    about(10.0, closed(&mut half).await);

    let timeout = Duration::from_secs(3);
    let server = InMemory::serve(Server::new(cluster.router(1)).handshake_timeout(timeout));
    about(3.0, closed(&mut server.connect()).await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_the_handshake_of_tls_is_disconnected() {
    let credentials = Authority::new().presenting(&["replica"]).build();
    let cluster = Cluster::start(0);
    let server = Server::new(cluster.router(1))
        .tls(credentials.expect("valid"))
        .expect("valid");
    let server = InMemory::serve(server);
    let mut silent = server.connect();
    about(10.0, closed(&mut silent).await);
    // The beginning of a greeting of 512 bytes.
    let mut half = server.connect();
    let greeting = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 100]].concat();
    half.write_all(&greeting).await.expect("it is taken");
    about(10.0, closed(&mut half).await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_nothing_does_not_hold_up_a_shutdown() {
    let cluster = Cluster::start(0);
    let server = Server::new(cluster.router(1))
        .handshake_timeout(Duration::from_secs(600))
        .grace(Duration::from_secs(600));
    let server = InMemory::serve(server);
    let _silent = server.connect();
    tests::settle().await;
    let before = Instant::now();
    server.stop.send(()).expect("it serves");
    server.serving.await.expect("no panic");
    about(0.0, before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_pings_is_disconnected() {
    let second = Duration::from_secs(1);
    let cluster = Cluster::start(0);
    let new = || Server::new(cluster.router(1));
    for (server, seconds) in [
        (new(), 10.0 + 5.0),
        (new().keep_alive(2 * second, second), 2.0 + 1.0),
    ] {
        let server = InMemory::serve(server);
        let mut connection = server.connect();
        connection.write_all(PREFACE).await.expect("it is taken");
        about(seconds, closed(&mut connection).await);
    }
    let server = InMemory::serve(new().without_keep_alive());
    let mut connection = server.connect();
    connection.write_all(PREFACE).await.expect("it is taken");
    let waited = tokio::time::timeout(600 * second, closed(&mut connection)).await;
    waited.expect_err("nobody notices");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_until_others_have_ended() {
    let cluster = Cluster::start(0);
    let server = Server::new(cluster.router(1))
        .max_connections(2)
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start();
    let connect = async || {
        let connection = TcpStream::connect(server.address()).await;
        connection.expect("it listens")
    };
    let (mut first, mut second) = (connect().await, connect().await);
    for connection in [&mut first, &mut second] {
        connection.write_all(PREFACE).await.expect("it is taken");
        connection.read_u8().await.expect("it is served");
    }
    closed(&mut connect().await).await;
    drop(first);
    // The server notices that there is room, and serves.
    let manager = Manager::builder().address(server.address().to_string());
    let numbered = tests::numbered_replica::connect(manager, Count(1)).await;
    let answered = async {
        let numbered: &NumberedConfiguration<Count> = &numbered;
        let node = numbered.nodes().next().expect("a node");
        while node.call(request(1)).await.is_err() {}
    };
    soon("room for another connection", answered).await;
}
