//! Our server handles the requests of a client in order, even when the client opens several streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use gorums_runtime::server::Router;
use gorums_runtime::{Manager, ManagerBuilder, Node, Transport};
use prost::bytes::Bytes;
use tests::golden::proto::WriteRequest;
use tests::golden::proto::storage_gorums::StorageReplicaServer;
use tests::network::Network;
use tests::{settle, soon};
use tokio::sync::oneshot;
use tonic::{Code, Status};

use crate::wire::key;
use crate::wire::message::request;
use crate::wire::raw_client::RawClient;
use crate::wire::replica::{Events, Replica};

const ALICE: &str = "0123456789abcdef0123456789abcdef";
const BOB: &str = "ffffffffffffffffffffffffffffffff";

/// A replica, and the managers that are connected to it.
struct Server {
    replica: Replica,
    events: Events,
    network: Network,
    /// The node, once for each connection.
    nodes: Vec<Node>,
}

impl Server {
    fn start() -> Self {
        let (replica, events) = Replica::new();
        let network = Network::new(Transport::NodeStream);
        network.serve(1, StorageReplicaServer::new(replica.clone()));
        Self {
            replica,
            events,
            network,
            nodes: Vec::new(),
        }
    }

    /// A stream on its own connection.
    async fn open(&mut self, client: &str, stream: &str) -> Result<RawClient, Status> {
        let node = node(self.network.manager(1)).await;
        let opened = RawClient::open_to(&node, &named(client, stream)).await;
        self.nodes.push(node);
        opened
    }

    async fn event(&mut self) -> String {
        self.events.next().await
    }

    /// The events so far, once the replica is idle.
    async fn past_events(&mut self) -> Vec<String> {
        settle().await;
        self.events.past()
    }
}

/// The last node of a manager.
async fn node(builder: ManagerBuilder) -> Node {
    let manager = builder.connect_lazy().await.expect("a manager");
    let nodes = manager.configuration();
    nodes.nodes().last().expect("a node").clone()
}

/// The headers of a client that names itself.
fn named<'a>(client: &'a str, stream: &'a str) -> [(&'static str, &'a str); 2] {
    [("gorums-client", client), ("gorums-stream", stream)]
}

fn read(number: u64, read: &str) -> Bytes {
    request(number, "ReadQC").with(&key(read)).bytes()
}

fn write(text: &str) -> Bytes {
    let write = WriteRequest {
        key: "k".to_string(),
        value: text.to_string(),
        time: None,
    };
    request(0, "WriteUnicast").with(&write).bytes()
}

#[tokio::test(start_paused = true)]
async fn a_newer_stream_begins_when_the_handler_of_the_older_has_ended_whose_other_requests_are_dropped()
 {
    let mut server = Server::start();
    let older = server.open(ALICE, "1").await.expect("a stream");
    older.send(read(1, "hold"));
    older.send(write("a"));
    assert_eq!(server.event().await, "holding");
    let newer = server.open(ALICE, "2").await.expect("a stream");
    newer.send(write("b"));
    let end = older.end().await.expect_err("it is superseded");
    assert_eq!(end.code(), Code::Aborted, "{end}");
    assert!(server.past_events().await.is_empty());
    server.replica.gate.open();
    assert_eq!(server.event().await, "unicast b");
    assert!(server.past_events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_handlers_of_an_older_stream_hear_that_nobody_waits_for_them() {
    let mut server = Server::start();
    let older = server.open(ALICE, "1").await.expect("a stream");
    older.send(read(1, "wait"));
    older.send(read(2, "stay"));
    assert_eq!(server.event().await, "waiting");
    assert_eq!(server.event().await, "staying");
    let newer = server.open(ALICE, "2").await.expect("a stream");
    newer.send(write("b"));
    let events = [server.event().await, server.event().await];
    assert_eq!(events, ["cancelled", "cancelled"]);
    assert_eq!(server.event().await, "unicast b");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_released_holds_up_no_newer_stream_as_it_holds_up_no_request() {
    let mut server = Server::start();
    let mut older = server.open(ALICE, "1").await.expect("a stream");
    // It is released, is not cancelled, and waits for a gate.
    let read = request(1, "ReadCorrectable").with(&key("release and hold"));
    older.send(read.bytes());
    older.reply().await;
    assert_eq!(server.event().await, "holding");
    let newer = server.open(ALICE, "2").await.expect("a stream");
    newer.send(write("b"));
    assert_eq!(server.event().await, "unicast b");
    server.replica.gate.open();
    assert_eq!(server.event().await, "sent: false");
}

#[tokio::test(start_paused = true)]
async fn of_streams_in_quick_succession_the_newest_waits_for_the_handler_of_the_oldest() {
    let mut server = Server::start();
    let first = server.open(ALICE, "1").await.expect("a stream");
    first.send(read(1, "hold"));
    assert_eq!(server.event().await, "holding");
    let second = server.open(ALICE, "2").await.expect("a stream");
    second.send(write("b"));
    settle().await;
    let third = server.open(ALICE, "5").await.expect("a stream");
    third.send(write("c"));
    for superseded in [first, second] {
        let end = superseded.end().await.expect_err("it is superseded");
        assert_eq!(end.code(), Code::Aborted, "{end}");
    }
    assert!(server.past_events().await.is_empty());
    server.replica.gate.open();
    assert_eq!(server.event().await, "unicast c");
    assert!(server.past_events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_waits_for_the_handler_of_one_whose_connection_is_gone() {
    let mut server = Server::start();
    let older = server.open(ALICE, "1").await.expect("a stream");
    older.send(read(1, "hold"));
    assert_eq!(server.event().await, "holding");
    server.network.cut(1);
    drop(older);
    settle().await;
    let newer = server.open(ALICE, "2").await.expect("a stream");
    newer.send(write("b"));
    assert!(server.past_events().await.is_empty());
    server.replica.gate.open();
    assert_eq!(server.event().await, "unicast b");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_newer_is_refused_and_the_present_one_goes_on() {
    let mut server = Server::start();
    let mut present = server.open(ALICE, "7").await.expect("a stream");
    for stream in ["7", "6", "0"] {
        let refused = server
            .open(ALICE, stream)
            .await
            .expect_err("it is not newer");
        assert_eq!(refused.code(), Code::Aborted, "{refused}");
    }
    present.send(read(1, "k"));
    assert_eq!(present.reply().await, request(1, "ReadQC").bytes());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_no_streams_left_is_forgotten() {
    let mut server = Server::start();
    for _ in 0..2 {
        let mut client = server.open(ALICE, "7").await.expect("a stream");
        client.send(read(1, "k"));
        client.half_close();
        assert_eq!(client.reply().await, request(1, "ReadQC").bytes());
        client.end().await.expect("no more replies");
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn streams_of_other_clients_do_not_wait() {
    let mut server = Server::start();
    let alice = server.open(ALICE, "1").await.expect("a stream");
    alice.send(read(1, "hold"));
    assert_eq!(server.event().await, "holding");
    let bob = server.open(BOB, "2").await.expect("a stream");
    bob.send(write("b"));
    assert_eq!(server.event().await, "unicast b");
    for headers in [
        &[][..],
        &[("gorums-client", ALICE)],
        &[("gorums-stream", "3")],
    ] {
        let opened = RawClient::open_to(&server.nodes[0], headers).await;
        let nameless = opened.expect("a stream");
        nameless.send(write("c"));
        assert_eq!(server.event().await, "unicast c");
    }
    server.replica.gate.open();
    let mut alice = alice;
    assert_eq!(alice.reply().await, request(1, "ReadQC").bytes());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_takes_no_more_than_its_window() {
    const REQUESTS: usize = 200;
    let mut server = Server::start();
    let older = server.open(ALICE, "1").await.expect("a stream");
    older.send(read(1, "hold"));
    assert_eq!(server.event().await, "holding");
    let sent = Arc::new(AtomicUsize::new(0));
    let requests = futures::stream::iter(0..REQUESTS).map({
        let sent = Arc::clone(&sent);
        move |_| {
            sent.fetch_add(1, Ordering::SeqCst);
            write(&"x".repeat(100_000))
        }
    });
    let newer = RawClient::open_with(&server.nodes[0], &named(ALICE, "2"), requests).await;
    let newer = newer.expect("a stream");
    settle().await;
    let before = sent.load(Ordering::SeqCst);
    assert!(before < REQUESTS / 10, "{before} requests were taken");
    server.replica.gate.open();
    newer.end().await.expect("all requests are handled");
    assert_eq!(sent.load(Ordering::SeqCst), REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_ends_with_its_client() {
    let mut server = Server::start();
    let older = server.open(ALICE, "1").await.expect("a stream");
    older.send(read(1, "hold"));
    assert_eq!(server.event().await, "holding");
    let newer = server.open(ALICE, "2").await.expect("a stream");
    newer.send(write("b"));
    settle().await;
    drop(newer);
    settle().await;
    server.replica.gate.open();
    assert!(server.past_events().await.is_empty());
    // Nothing is left of the two.
    server.open(ALICE, "1").await.expect("a stream");
}

#[tokio::test(start_paused = true)]
async fn a_name_or_a_number_that_is_malformed_is_refused_by_its_header() {
    let mut server = Server::start();
    let long = "0".repeat(33);
    let upper = ALICE.to_uppercase();
    for client in [
        "",
        "x",
        &ALICE[1..],
        &long,
        &upper,
        "0123456789abcdef0123456789abcde ",
    ] {
        let refused = server.open(client, "1").await.expect_err("no name");
        assert_eq!(refused.code(), Code::InvalidArgument, "{client:?}");
        assert!(refused.message().contains("gorums-client"), "{refused}");
    }
    for stream in [
        "",
        "x",
        "-1",
        "+1",
        "1.5",
        "0x1",
        "18446744073709551616",
        "1 2",
    ] {
        let refused = server.open(ALICE, stream).await.expect_err("no number");
        assert_eq!(refused.code(), Code::InvalidArgument, "{stream:?}");
        assert!(refused.message().contains("gorums-stream"), "{refused}");
    }
    server
        .open(ALICE, "18446744073709551615")
        .await
        .expect("a stream");
}

#[tokio::test(start_paused = true)]
async fn handlers_are_not_shown_the_name_of_their_client() {
    let mut server = Server::start();
    let client = server.open(ALICE, "1").await.expect("a stream");
    client.send(read(1, "metadata"));
    let metadata = server.event().await;
    assert!(metadata.contains("user-agent"), "{metadata}");
    for secret in ["gorums-client", "gorums-stream", ALICE] {
        assert!(!metadata.contains(secret), "{metadata}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_of_one_router_do_not_take_each_others_streams_for_older_ones() {
    let (replica, _events) = Replica::new();
    let router = Router::new().add_replica(StorageReplicaServer::new(replica));
    let network = Network::new(Transport::NodeStream);
    network.serve(1, router.clone());
    network.serve(2, router);
    let (first, second) = (
        node(network.manager(1)).await,
        node(network.manager(2)).await,
    );
    let first = RawClient::open_to(&first, &named(ALICE, "1")).await;
    let second = RawClient::open_to(&second, &named(ALICE, "2")).await;
    for client in [first, second] {
        let mut client = client.expect("a stream");
        client.send(read(1, "k"));
        assert_eq!(client.reply().await, request(1, "ReadQC").bytes());
    }
}

#[tokio::test]
async fn a_stream_that_waits_ends_when_the_server_shuts_down() {
    let (replica, mut events) = Replica::new();
    let server = gorums_runtime::Server::new(StorageReplicaServer::new(replica.clone()));
    let server = server
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start();
    let id = Network::id(1);
    let manager = Manager::builder().node(id, server.address().to_string());
    let node = node(manager).await;
    let older = RawClient::open_to(&node, &named(ALICE, "1")).await;
    let older = older.expect("a stream");
    older.send(read(1, "hold"));
    assert_eq!(events.next().await, "holding");
    let newer = RawClient::open_to(&node, &named(ALICE, "2")).await;
    let newer = newer.expect("a stream");
    newer.send(write("b"));
    older.end().await.expect_err("it is superseded");
    let shutdown = tokio::spawn(server.shutdown());
    let end = newer.end().await.expect_err("the server shuts down");
    assert_eq!(end.code(), Code::Unavailable, "{end}");
    replica.gate.open();
    soon("the end of the server", shutdown)
        .await
        .expect("no panic")
        .expect("it stops");
    assert!(events.past().is_empty(), "a request was handled");
}

#[tokio::test]
async fn a_stream_that_waits_may_have_sent_thousands_of_small_requests() {
    let (replica, mut events) = Replica::new();
    let server = gorums_runtime::Server::new(StorageReplicaServer::new(replica.clone()));
    let server = server
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start();
    let manager = Manager::builder().address(server.address().to_string());
    let node = node(manager).await;
    let older = RawClient::open_to(&node, &named(ALICE, "1")).await;
    let older = older.expect("a stream");
    older.send(read(1, "hold"));
    assert_eq!(events.next().await, "holding");
    let (all_sent, sent) = oneshot::channel();
    let requests = futures::stream::iter(0..5_000).then(async |_| {
        // So that each has a frame of its own.
        tokio::task::yield_now().await;
        write("")
    });
    let last = futures::stream::once(async {
        let _ = all_sent.send(());
        write("")
    });
    let requests = requests.chain(last).boxed();
    let newer = RawClient::open_with(&node, &named(ALICE, "2"), requests).await;
    let newer = newer.expect("a stream");
    soon("the last request", sent).await.expect("it is sent");
    replica.gate.open();
    newer.end().await.expect("all requests are handled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_of_many_streams_in_quick_succession_are_handled_in_the_order_of_the_streams() {
    const STREAMS: usize = 300;
    let mut server = Server::start();
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(node(server.network.manager(1)).await);
    }
    let mut streams = Vec::new();
    for (stream, connection) in (1..=STREAMS).zip(connections.iter().cycle()) {
        let number = stream.to_string();
        let client = RawClient::open_to(connection, &named(ALICE, &number)).await;
        let client = client.expect("a stream");
        for request in 0..10 {
            client.send(write(&format!("{stream:04}-{request}")));
        }
        streams.push(client);
    }
    let last = format!("unicast {STREAMS:04}-9");
    let mut handled = Vec::new();
    while handled.last() != Some(&last) {
        handled.push(server.event().await);
    }
    assert!(handled.is_sorted(), "{handled:?}");
}
