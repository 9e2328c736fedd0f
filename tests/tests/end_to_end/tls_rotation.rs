//! Certificates that are replaced while managers and servers use them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use gorums_runtime::errors::TlsError;
use gorums_runtime::{
    Backoff, Context, Credentials, Manager, ManagerBuilder, NodeId, RotatingCredentials, Server,
};
use tests::authority::Authority;
use tests::golden::no_package::pinger_gorums::{
    PingerConfiguration, PingerNode, PingerReplica, PingerReplicaServer,
};
use tests::golden::no_package::{Ping, Pong};
use tests::{on_both, soon};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tonic::{Code, Status};

/// Tells from which generation the certificate of the caller is. `ping_one` waits for the gate.
struct Generations {
    gate: &'static Semaphore,
}

fn generation(ctx: &Context) -> Result<Pong, Status> {
    let own = ctx.peer_certificates().and_then(<[_]>::first);
    let own = own.ok_or_else(|| Status::unauthenticated("no certificate"))?;
    let name = own.common_name();
    let name = name.and_then(|name| name.strip_prefix("generation-"));
    let count = name.and_then(|name| name.parse().ok());
    let count = count.ok_or_else(|| Status::internal(own.to_string()))?;
    Ok(Pong { count })
}

impl PingerReplica for Generations {
    async fn ping(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        generation(ctx)
    }

    async fn ping_one(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        ctx.release();
        let opened = self.gate.acquire().await;
        drop(opened.map_err(|error| Status::internal(error.to_string()))?);
        generation(ctx)
    }
}

/// The credentials of a client or a server.
fn credentials(authority: &Authority, generation: u64, trusted: &[&Authority]) -> Credentials {
    let name = format!("generation-{generation}");
    authority.credentials_trusting(&[&name, "localhost"], trusted)
}

/// A manager of one server whose connections can be cut.
struct Client {
    manager: Manager,
    cut: watch::Sender<()>,
}

impl Client {
    async fn new(builder: ManagerBuilder) -> Self {
        let cut = watch::Sender::new(());
        let cutting = cut.clone();
        let builder = builder.connector(move |address| {
            let mut cut = cutting.subscribe();
            async move {
                let server = TcpStream::connect(address).await?;
                let (client, mut ours) = tokio::io::duplex(64 * 1024);
                tokio::spawn(async move {
                    let mut server = server;
                    tokio::select! {
                        ended = tokio::io::copy_bidirectional(&mut ours, &mut server) => drop(ended),
                        _ = cut.changed() => {}
                    }
                });
                Ok(client)
            }
        });
        let instant = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        let manager = builder.backoff(instant).connect().await;
        Self {
            manager: manager.expect("connected"),
            cut,
        }
    }

    fn node(&self) -> PingerNode {
        let pinger = PingerConfiguration::new(self.manager.configuration());
        pinger.node(NodeId::new(1)).expect("a node")
    }

    /// Calls until a call gets through on a new connection.
    async fn reconnect(&self) -> u64 {
        self.cut.send_replace(());
        let called = async {
            loop {
                if let Ok(pong) = self.node().ping_one(Ping {}).await {
                    return pong.count;
                }
            }
        };
        soon("a new connection", called).await
    }
}

#[tokio::test]
async fn certificates_of_both_ends_are_replaced_without_the_loss_of_a_call_and_the_old_ones_end() {
    on_both(async |transport| {
        let [old, new] = [Authority::named("old"), Authority::named("new")];
        let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
        let own = RotatingCredentials::new(credentials(&old, 1, &[&old]));
        let theirs = RotatingCredentials::new(credentials(&old, 1, &[&old]));
        let server = Server::new(PingerReplicaServer::new(Generations { gate }));
        let server = server.tls(theirs.clone()).expect("a certificate");
        let server = server
            .bind("127.0.0.1:0")
            .await
            .expect("a free port")
            .start();
        let builder = || {
            let address = format!("localhost:{}", server.address().port());
            let builder = Manager::builder().transport(transport);
            builder.node(NodeId::new(1), address)
        };
        let client = Client::new(builder().tls(own.clone())).await;

        // Calls that wait at the server while both ends get other credentials.
        let calls: Vec<_> = (0..100).map(|_| client.node()).collect();
        let calls = join_all(
            calls
                .iter()
                .map(|node| async { node.ping_one(Ping {}).await }),
        );
        let mut calls = Box::pin(calls);
        assert!(futures::poll!(&mut calls).is_pending());
        let steps: [(_, &Authority, &[&Authority]); 3] = [
            (2, &old, &[&old, &new]),
            (3, &new, &[&old, &new]),
            (4, &new, &[&new]),
        ];
        for (next, authority, trusted) in steps {
            for rotating in [&own, &theirs] {
                let replaced = rotating.replace(credentials(authority, next, trusted));
                replaced.expect("as before");
            }
            assert!(futures::poll!(&mut calls).is_pending());
        }
        gate.add_permits(1);
        for outcome in soon("replies", calls).await {
            assert_eq!(outcome.expect("the connection goes on").count, 1);
        }

        assert_eq!(client.reconnect().await, 4);
        for (trusted, expected) in [
            (&old, TlsError::UnknownAuthority),
            (
                &new,
                TlsError::ClientCertificateRefused {
                    why: "its authority is unknown".to_owned(),
                },
            ),
        ] {
            let outdated = builder().tls(credentials(&old, 9, &[trusted]));
            let outdated = outdated.connect_lazy().await.expect("an address");
            let pinger = PingerConfiguration::new(outdated.configuration());
            let node = pinger.node(NodeId::new(1)).expect("a node");
            let error = node.ping_one(Ping {}).await.expect_err("outdated");
            assert_eq!(error.code(), Code::Unavailable);
            assert_eq!(error.tls(), Some(&expected));
        }
    })
    .await;
}

#[tokio::test]
async fn no_call_is_lost_while_certificates_are_replaced_and_the_authority_with_them() {
    on_both(async |transport| {
        let [old, new] = [Authority::named("old"), Authority::named("new")];
        let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(1)));
        // One handle for all managers and servers of a process.
        let rotating = RotatingCredentials::new(credentials(&old, 1, &[&old]));
        let server = Server::new(PingerReplicaServer::new(Generations { gate }));
        let server = server.tls(rotating.clone()).expect("a certificate");
        let server = server
            .bind("127.0.0.1:0")
            .await
            .expect("a free port")
            .start();
        let address = format!("localhost:{}", server.address().port());
        let builder = Manager::builder().transport(transport);
        let builder = builder.node(NodeId::new(1), address).tls(rotating.clone());
        let client = Client::new(builder).await;
        let steps: [(_, &Authority, &[&Authority]); 3] = [
            (2, &old, &[&old, &new]),
            (3, &new, &[&old, &new]),
            (4, &new, &[&new]),
        ];
        for (next, authority, trusted) in steps {
            let replaced = AtomicBool::new(false);
            let node = client.node();
            let calling = async {
                while !replaced.load(Ordering::SeqCst) {
                    let pong = node.ping_one(Ping {}).await.expect("no call is lost");
                    assert_eq!(pong.count, next - 1);
                }
            };
            let replacing = async {
                for _ in 0..10 {
                    let next = credentials(authority, next, trusted);
                    rotating.replace(next).expect("as before");
                    tokio::task::yield_now().await;
                }
                replaced.store(true, Ordering::SeqCst);
            };
            soon("replies", async { tokio::join!(calling, replacing) }).await;
            assert_eq!(client.reconnect().await, next);
        }
    })
    .await;
}
