//! The backoff after failed attempts to connect.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::join_all;
use gorums_runtime::{Backoff, Connection, Manager, ManagerBuilder};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::{RegisterConfiguration, RegisterNode};
use tests::replica::{Behaviour, Cluster};
use tests::{on_both, settle};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tonic::Code;

const SECOND: Duration = Duration::from_secs(1);

/// The first node.
async fn node(builder: ManagerBuilder) -> RegisterNode {
    let manager = builder.connect_lazy().await.expect("a manager");
    let register = RegisterConfiguration::new(manager.configuration());
    let id = register.configuration().node_ids().next().expect("a node");
    register.node(id).expect("a node")
}

/// A manager of a node to which `connect` connects, and the number of connections.
fn counting<Fut>(connect: fn() -> Fut) -> (ManagerBuilder, Arc<AtomicUsize>)
where
    Fut: Future<Output = io::Result<tokio::io::DuplexStream>> + Send + 'static,
{
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let builder = Manager::builder()
        .address("10.0.0.1:4000")
        .backoff(Backoff::new(SECOND, 4 * SECOND))
        .connector(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            connect()
        });
    (builder, attempts)
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_attempt_calls_fail_with_its_cause_until_it_is_time_for_the_next() {
    let (builder, attempts) = counting(|| async { Err(io::ErrorKind::ConnectionRefused.into()) });
    let node = node(builder).await;
    let fail = async || {
        let start = Instant::now();
        let error = node.read_no_qc(ReadRequest {}).await.expect_err("down");
        assert_eq!(error.code(), Code::Unavailable);
        assert_eq!(error.status().message(), "connection refused");
        assert_eq!(start.elapsed(), Duration::ZERO);
        attempts.load(Ordering::SeqCst)
    };
    // Each wait is between half and all of twice the previous one, at most four seconds.
    for (made, wait) in [
        (1, SECOND),
        (2, 2 * SECOND),
        (3, 4 * SECOND),
        (4, 4 * SECOND),
    ] {
        for _ in 0..10 {
            assert_eq!(fail().await, made);
        }
        tokio::time::advance(wait / 2 - Duration::from_millis(1)).await;
        assert_eq!(fail().await, made);
        tokio::time::advance(wait / 2 + Duration::from_millis(1)).await;
    }
    assert_eq!(fail().await, 5);
}

#[tokio::test(start_paused = true)]
async fn calls_share_the_outcome_of_the_attempt_that_is_under_way() {
    let (builder, attempts) = counting(std::future::pending);
    let node = node(builder.connect_timeout(SECOND)).await;
    let start = Instant::now();
    let calls = (0..100).map(|_| node.read_no_qc(ReadRequest {}).into_future());
    for outcome in join_all(calls).await {
        let error = outcome.expect_err("silent");
        assert_eq!(error.code(), Code::Unavailable);
        assert_eq!(error.status().message(), "not connected within 1s");
    }
    assert_eq!(start.elapsed().as_secs(), 1);
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_failed_unseen_long_ago_fails_no_call() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        cluster.network.silence(1);
        let node = node(cluster.network.manager(1).connect_timeout(SECOND)).await;
        let call = node.read_no_qc(ReadRequest {});
        let error = call.timeout(SECOND / 10).await.expect_err("silent");
        assert_eq!(error.code(), Code::DeadlineExceeded);
        cluster.start_replica(1, Behaviour::Answer);
        tokio::time::sleep(10 * SECOND).await;
        node.read_no_qc(ReadRequest {}).await.expect("it is back");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_of_use_is_made_anew_at_once() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let node = node(cluster.network.manager(1)).await;
        let start = Instant::now();
        for connections in 1..=10 {
            node.read_no_qc(ReadRequest {}).await.expect("a reply");
            assert_eq!(cluster.network.connections(), connections);
            cluster.network.kill(1);
            cluster.start_replica(1, Behaviour::Answer);
            settle().await;
        }
        assert!(start.elapsed() < Backoff::default().initial() / 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_is_called_again_when_it_is_time_for_an_attempt() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let node = node(cluster.network.manager(1)).await;
        node.read_no_qc(ReadRequest {}).await.expect("a reply");
        cluster.network.kill(1);
        for _ in 0..100 {
            let call = node.read_no_qc(ReadRequest {}).await;
            assert_eq!(call.expect_err("down").code(), Code::Unavailable);
            tokio::time::advance(SECOND / 10).await;
        }
        cluster.start_replica(1, Behaviour::Answer);
        tokio::time::advance(Backoff::default().max()).await;
        node.read_no_qc(ReadRequest {}).await.expect("it is back");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn once_a_connection_was_of_use_the_waits_begin_anew() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 0);
        let builder = cluster.network.manager(1);
        let node = node(builder.backoff(Backoff::new(SECOND, 1000 * SECOND))).await;
        for failures in 0..5 {
            let call = node.read_no_qc(ReadRequest {}).await;
            assert_eq!(call.expect_err("down").code(), Code::Unavailable);
            tokio::time::advance(SECOND * 2u32.pow(failures)).await;
        }
        cluster.start_replica(1, Behaviour::Answer);
        node.read_no_qc(ReadRequest {}).await.expect("it is up");
        cluster.network.kill(1);
        settle().await;
        let call = node.read_no_qc(ReadRequest {}).await;
        assert_eq!(call.expect_err("down").code(), Code::Unavailable);
        cluster.start_replica(1, Behaviour::Answer);
        tokio::time::advance(SECOND).await;
        node.read_no_qc(ReadRequest {}).await.expect("it is back");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn something_that_accepts_connections_only_to_drop_them_is_left_alone_for_a_while() {
    let (builder, attempts) = counting(|| async { Ok(tokio::io::duplex(1024).0) });
    let node = node(builder).await;
    for _ in 0..10 {
        let call = node.read_no_qc(ReadRequest {}).await;
        assert_eq!(call.expect_err("no server").code(), Code::Unavailable);
        settle().await;
    }
    let made = attempts.load(Ordering::SeqCst);
    assert_eq!(made, 1);
}

/// A connection that panics when it is written to.
struct Panicking;

impl AsyncRead for Panicking {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Panicking {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("as asked");
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where a connector panics.
#[derive(Clone, Copy, Debug)]
enum Where {
    AtOnce,
    WhileConnecting,
    InItsConnection,
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_panics_has_failed_once_and_is_asked_again() {
    on_both(async |transport| {
        for place in [
            Where::AtOnce,
            Where::WhileConnecting,
            Where::InItsConnection,
        ] {
            let cluster = Cluster::answering(transport, 1);
            let network = cluster.network.clone();
            let panics = Arc::new(AtomicUsize::new(1));
            let builder = Manager::builder()
                .transport(transport)
                .address(Network::address(1))
                .backoff(Backoff::new(SECOND, SECOND))
                .connector(move |address| {
                    let panics = panics
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                            left.checked_sub(1)
                        })
                        .is_ok();
                    assert!(!(panics && matches!(place, Where::AtOnce)), "as asked");
                    let network = network.clone();
                    async move {
                        let connection: Pin<Box<dyn Connection>> = match place {
                            Where::WhileConnecting if panics => panic!("as asked"),
                            Where::InItsConnection if panics => Box::pin(Panicking),
                            _ => Box::pin(network.connect(address).await?),
                        };
                        Ok(connection)
                    }
                });
            let node = node(builder).await;
            let error = node.read_no_qc(ReadRequest {}).await.expect_err("a panic");
            assert_eq!(error.code(), Code::Unavailable, "{place:?}");
            let text = error.to_string();
            assert!(text.contains("(10.0.0.1:4000)"), "{text}");
            assert!(text.contains("panicked"), "{text}");
            assert!(text.contains("as asked"), "{text}");

            let again = node
                .read_no_qc(ReadRequest {})
                .await
                .expect_err("too early");
            assert_eq!(again.code(), Code::Unavailable, "{place:?}");
            assert_eq!(cluster.network.connections(), 0);
            tokio::time::advance(SECOND).await;
            node.read_no_qc(ReadRequest {}).await.expect("it connects");
        }
    })
    .await;
}
