//! Nodes whose streams break, or that do not read them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use gorums_runtime::server::Router;
use gorums_runtime::{Backoff, ManagerBuilder, NodeId, Transport};
use tests::network::Network;
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode};
use tests::numbered::{Request, Wish};
use tests::numbered_replica::{Cluster, Event, began_at, connect, request, wish};
use tests::settle;
use tests::spec::Count;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Code, Status};

const SECOND: Duration = Duration::from_secs(1);

fn node(numbered: &NumberedConfiguration<Count>, number: u32) -> NumberedNode {
    numbered.node(NodeId::new(number)).expect("a node")
}

/// Metadata of so many bytes, with which a message is as large.
fn padding(bytes: usize) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    let padding = "x".repeat(bytes).parse().expect("ASCII");
    metadata.insert("padding", padding);
    metadata
}

/// Three nodes of which the first is out of order, and whose queues are small; two decide.
fn one_of_three_is_bad(cluster: &Cluster) -> ManagerBuilder {
    cluster.network.manager(3).queue_limit(100, 1024 * 1024)
}

#[tokio::test(start_paused = true)]
async fn a_node_that_reads_nothing_costs_the_others_nothing_and_its_queue_is_bounded() {
    let cluster = Cluster::start(3);
    cluster.network.stick(1);
    let numbered = connect(one_of_three_is_bad(&cluster), Count(2)).await;
    its_queue_fills_up(&numbered).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_slow_to_connect_costs_the_others_nothing_and_its_queue_is_bounded() {
    let cluster = Cluster::start(3);
    cluster.network.silence(1);
    let builder = one_of_three_is_bad(&cluster).connect_timeout(3600 * SECOND);
    let numbered = connect(builder, Count(2)).await;
    its_queue_fills_up(&numbered).await;
}

/// Calls until node 1 has no room for more, and looks at what becomes of further calls.
async fn its_queue_fills_up(numbered: &NumberedConfiguration<Count>) {
    let start = Instant::now();
    let mut errors = numbered.configuration().node_errors();
    // Far more than the queue and the connection hold.
    for number in 0..3000 {
        numbered.quorum(request(number)).await.expect("two answer");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    let error = errors.next().await.expect("an error");
    assert_eq!(
        (error.node_id(), error.code()),
        (NodeId::new(1), Code::ResourceExhausted)
    );

    let all = NumberedConfiguration::new(numbered.configuration().clone()).with_spec(Count(3));
    let error = all.quorum(request(0)).await.expect_err("no room");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let codes: Vec<_> = error
        .errors()
        .iter()
        .map(|error| (error.node_id().get(), error.code()))
        .collect();
    assert_eq!(
        (error.replies(), codes),
        (2, vec![(1, Code::ResourceExhausted)])
    );

    // Where the caller waits for the send itself, it waits for room.
    let error = node(numbered, 1).call(request(0)).timeout(SECOND).await;
    assert_eq!(error.expect_err("no room").code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed().as_secs(), 1);
    let in_time = numbered.with_options(gorums_runtime::CallOptions::new().timeout(SECOND));
    let error = in_time.multicast(request(0)).await.expect_err("no room");
    let codes: Vec<_> = error
        .errors()
        .iter()
        .map(|error| (error.node_id().get(), error.code()))
        .collect();
    assert_eq!(codes, [(1, Code::DeadlineExceeded)]);
    assert_eq!(start.elapsed().as_secs(), 2);

    // Nobody waits for what is detached: it is dropped.
    let mut errors = numbered.configuration().node_errors();
    numbered.multicast(request(0)).detach();
    let error = errors.next().await.expect("an error");
    assert_eq!(
        (error.node_id(), error.code()),
        (NodeId::new(1), Code::ResourceExhausted)
    );
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn replies_that_a_caller_leaves_unread_do_not_block_the_nodes_other_calls() {
    let mut cluster = Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let many = Request {
        number: 1,
        size: 50_000,
        ..Request::default()
    };
    let mut unread = numbered.watch(many).responses();
    unread.next().await.expect("a reply").1.expect("a reply");
    for number in 2..100 {
        node(&numbered, 1)
            .concurrent_call(request(number))
            .await
            .expect("a reply");
    }
    settle().await;
    // What is not bounded by its reader is by a limit; the handler is told.
    let outcomes: Vec<_> = unread.map(|(_, outcome)| outcome).collect().await;
    assert!(outcomes.len() < 20_000, "{}", outcomes.len());
    let error = outcomes
        .last()
        .expect("an outcome")
        .as_ref()
        .expect_err("too many");
    assert_eq!(error.code(), Code::ResourceExhausted);
    let ended = cluster.past_events();
    assert!(!ended.contains(&Event::Ended {
        replica: 1,
        number: 1
    }));
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_fail_at_once_when_the_connection_breaks_and_are_not_sent_again() {
    let mut cluster = Cluster::start(2);
    let numbered = cluster.numbered(2).await;
    let start = Instant::now();
    let calls: Vec<_> = (1..=10)
        .map(|number| numbered.quorum(wish(number, Wish::Release)).start())
        .collect();
    tokio::time::sleep(Backoff::default().initial()).await;
    cluster.network.cut(1);
    settle().await;
    cluster.gate.open();
    for call in calls {
        let error = call.await.expect_err("one is lost");
        let codes: Vec<_> = error
            .errors()
            .iter()
            .map(|error| (error.node_id().get(), error.code()))
            .collect();
        assert_eq!((error.replies(), codes), (1, vec![(1, Code::Unavailable)]));
    }
    assert!(start.elapsed() < SECOND);
    numbered
        .quorum(request(11))
        .await
        .expect("it is connected to again");
    let began = began_at(1, &cluster.past_events());
    assert_eq!(began, (1..=11).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn callers_at_a_reconnect_share_the_new_stream() {
    let cluster = Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    for round in 1..=20 {
        let calls = (0..10).map(|number| node(&numbered, 1).call(request(number)).into_future());
        for outcome in join_all(calls).await {
            outcome.expect("a reply");
        }
        assert_eq!(cluster.network.connections(), round);
        cluster.network.cut(1);
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_limit_is_refused_and_its_stream_goes_on() {
    let cluster = Cluster::start(1);
    let router = Router::from(cluster.service(1)).max_message_size(1024);
    cluster.network.serve(1, router);
    let numbered = cluster.numbered(1).await;
    let first = node(&numbered, 1);
    let held = tokio::spawn(first.call(wish(1, Wish::Release)).into_future());
    for number in 2..=10 {
        let large = first.call(request(number)).metadata(padding(80_000));
        let error = large.await.expect_err("too large");
        assert_eq!(error.code(), Code::OutOfRange, "{error}");
    }
    cluster.gate.open();
    held.await.expect("no panic").expect("a reply");
    assert_eq!(cluster.network.connections(), 1);
}

/// Refuses streams, and counts them.
#[derive(Clone, Default)]
struct Refusing(Arc<AtomicUsize>);

impl NamedService for Refusing {
    const NAME: &'static str = "stream.Gorums";
}

impl Service<http::Request<Body>> for Refusing {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        ready(Ok(
            Status::resource_exhausted("too many streams").into_http()
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_refuses_streams_is_left_alone_for_longer_and_longer() {
    let network = Network::new(Transport::NodeStream);
    let refusing = Refusing::default();
    network.serve(1, Router::new().add_service(refusing.clone()));
    let builder = network.manager(1).backoff(Backoff::new(SECOND, 4 * SECOND));
    let numbered = connect(builder, Count(1)).await;
    let fail = async || {
        let start = Instant::now();
        let error = node(&numbered, 1)
            .call(request(1))
            .await
            .expect_err("refused");
        assert_eq!(error.code(), Code::Unavailable);
        assert!(
            error.status().message().contains("too many streams"),
            "{error}"
        );
        assert_eq!(start.elapsed(), Duration::ZERO);
        refusing.0.load(Ordering::SeqCst)
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
    let cluster = Cluster::start(0);
    network.serve(1, cluster.router(1));
    settle().await;
    tokio::time::advance(4 * SECOND).await;
    node(&numbered, 1)
        .call(request(1))
        .await
        .expect("it takes streams");
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nothing_was_answered_is_opened_anew_at_once_if_it_lasted() {
    let mut cluster = Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    for number in 1..=10 {
        let sent = node(&numbered, 1).unicast(request(number)).await;
        sent.expect("it is connected to again");
        settle().await;
        assert_eq!(cluster.began_at(1), [number]);
        tokio::time::sleep(Backoff::default().initial()).await;
        cluster.network.cut(1);
        settle().await;
    }
}
