//! Replicas on node streams: the order of their handlers, and what one client may ask of them.

use std::time::Duration;

use gorums_runtime::server::{StreamLimits, recommended_server};
use gorums_runtime::{Manager, NodeId, Server};
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode};
use tests::numbered::{Request, Wish};
use tests::numbered_replica::{Cluster, Event, connect, request, wish};
use tests::spec::Count;
use tests::{settle, soon};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::metadata::MetadataMap;

fn began(number: u64) -> Event {
    Event::Began { replica: 1, number }
}

fn ended(number: u64) -> Event {
    Event::Ended { replica: 1, number }
}

/// One replica with these limits, and its node.
async fn one(limits: StreamLimits) -> (Cluster, NumberedNode) {
    let cluster = Cluster::start(0);
    cluster.serve(1, limits);
    let node = client(&cluster).await;
    (cluster, node)
}

/// Another client of the replica.
async fn client(cluster: &Cluster) -> NumberedNode {
    let numbered = cluster.numbered(1).await;
    numbered.node(NodeId::new(1)).expect("the node")
}

/// Starts a call.
fn start(node: &NumberedNode, request: Request) -> tokio::task::JoinHandle<Result<u64, Code>> {
    let call = node.call(request).into_future();
    tokio::spawn(async move {
        let reply = call.await.map_err(|error| error.code())?;
        Ok(reply.number)
    })
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_started_when_the_one_before_has_returned() {
    let (mut cluster, node) = one(StreamLimits::default()).await;
    let first = start(&node, wish(1, Wish::Wait));
    let second = start(&node, request(2));
    settle().await;
    assert_eq!(cluster.past_events(), [began(1)]);
    cluster.gate.open();
    assert_eq!(
        (
            first.await.expect("no panic"),
            second.await.expect("no panic")
        ),
        (Ok(1), Ok(2))
    );
    assert_eq!(cluster.past_events(), [ended(1), began(2), ended(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_started_when_the_one_before_has_released() {
    let (mut cluster, node) = one(StreamLimits::default()).await;
    let first = start(&node, wish(1, Wish::Release));
    let second = start(&node, request(2));
    assert_eq!(second.await.expect("no panic"), Ok(2));
    assert_eq!(cluster.past_events(), [began(1), began(2), ended(2)]);
    cluster.gate.open();
    assert_eq!(first.await.expect("no panic"), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn the_handler_of_a_concurrent_method_holds_no_other_up() {
    let (cluster, node) = one(StreamLimits::default()).await;
    let call = node.concurrent_call(wish(1, Wish::Wait)).into_future();
    let first = tokio::spawn(call);
    settle().await;
    assert_eq!(start(&node, request(2)).await.expect("no panic"), Ok(2));
    cluster.gate.open();
    first.await.expect("no panic").expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_of_one_client_does_not_hold_up_another_client() {
    let (cluster, node) = one(StreamLimits::default()).await;
    let slow = start(&node, wish(1, Wish::Wait));
    settle().await;
    let other = client(&cluster).await;
    assert_eq!(start(&other, request(2)).await.expect("no panic"), Ok(2));
    cluster.gate.open();
    assert_eq!(slow.await.expect("no panic"), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_answers_and_its_stream_goes_on() {
    let (cluster, node) = one(StreamLimits::default()).await;
    let before = start(&node, wish(1, Wish::Release));
    settle().await;
    assert_eq!(
        start(&node, wish(2, Wish::Panic)).await.expect("no panic"),
        Err(Code::Internal)
    );
    node.unicast(wish(3, Wish::Panic))
        .await
        .expect("it is sent");
    assert_eq!(start(&node, request(4)).await.expect("no panic"), Ok(4));
    cluster.gate.open();
    assert_eq!(before.await.expect("no panic"), Ok(1));
    assert_eq!(cluster.network.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_handlers_of_a_stream_run_at_once_than_the_limit_says() {
    let (mut cluster, node) = one(StreamLimits::new().handlers(3)).await;
    let calls: Vec<_> = (1..=6)
        .map(|number| start(&node, wish(number, Wish::Release)))
        .collect();
    settle().await;
    assert_eq!(cluster.past_events(), [1, 2, 3].map(began));
    cluster.gate.open();
    for call in calls {
        call.await.expect("no panic").expect("a reply");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_read_from_beyond_the_requests_of_a_backlog_and_loses_nothing() {
    its_backlog_fills_up(StreamLimits::new().backlog(10, usize::MAX)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_read_from_beyond_the_bytes_of_a_backlog_whatever_they_are_of() {
    its_backlog_fills_up(StreamLimits::new().backlog(usize::MAX, 100_000)).await;
}

/// Makes many small calls with large metadata, of which the first takes long.
async fn its_backlog_fills_up(limits: StreamLimits) {
    const CALLS: u64 = 2000;
    let mut cluster = Cluster::start(0);
    cluster.serve(1, limits);
    let builder = cluster.network.manager(1).queue_limit(10, 1024 * 1024);
    let numbered = connect(builder, Count(1)).await;
    let node = numbered.nodes().next().expect("a node");
    let first = start(&node, wish(1, Wish::Wait));
    settle().await;
    let mut metadata = MetadataMap::new();
    metadata.insert("padding", "x".repeat(10_000).parse().expect("ASCII"));
    let calls: Vec<_> = (2..=CALLS)
        .map(|number| {
            tokio::spawn(
                node.call(request(number))
                    .metadata(metadata.clone())
                    .into_future(),
            )
        })
        .collect();
    settle().await;
    // What is on its way fills the connection, and then the client's queue.
    let error = numbered.quorum(request(0)).await.expect_err("no room");
    assert_eq!(error.errors()[0].code(), Code::ResourceExhausted);
    cluster.gate.open();
    first.await.expect("no panic").expect("a reply");
    for call in calls {
        call.await.expect("no panic").expect("a reply");
    }
    assert_eq!(cluster.began_at(1), (1..=CALLS).collect::<Vec<_>>());
}

/// A server of one replica on a port, and its node.
async fn on_a_port(server: Server) -> (gorums_runtime::server::RunningServer, NumberedNode) {
    let running = server
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start();
    let node = connected_to(running.address().to_string()).await;
    (running, node)
}

async fn connected_to(address: String) -> NumberedNode {
    let manager = Manager::connect([address]).await.expect("it is up");
    let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(1));
    numbered.nodes().next().expect("a node")
}

#[tokio::test]
async fn an_address_has_no_more_streams_than_the_limit_says() {
    let cluster = Cluster::start(0);
    let router = cluster
        .router(1)
        .stream_limits(StreamLimits::new().streams_per_address(1));
    let (running, first) = on_a_port(Server::new(router)).await;
    first.call(request(1)).await.expect("a reply");
    let second = connected_to(running.address().to_string()).await;
    let error = second.call(request(2)).await.expect_err("one too many");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(
        error
            .status()
            .message()
            .contains("the clients at 127.0.0.1 have 1 streams open"),
        "{error}"
    );
    drop(first);
    // The server notices that the first is gone, and the second tries again.
    let again = async { while second.call(request(3)).await.is_err() {} };
    soon("room for another stream", again).await;
}

#[tokio::test]
async fn a_server_that_shuts_down_finishes_the_calls_that_have_begun_and_refuses_the_others() {
    let mut cluster = Cluster::start(0);
    let (running, node) = on_a_port(Server::new(cluster.router(1))).await;
    let released = start(&node, wish(1, Wish::Release));
    let begun = start(&node, wish(2, Wish::Wait));
    let waiting = start(&node, request(3));
    assert_eq!(
        (cluster.event().await, cluster.event().await),
        (began(1), began(2))
    );
    let shutdown = tokio::spawn(running.shutdown());
    assert_eq!(waiting.await.expect("no panic"), Err(Code::Unavailable));
    cluster.gate.open();
    assert_eq!(released.await.expect("no panic"), Ok(1));
    assert_eq!(begun.await.expect("no panic"), Ok(2));
    shutdown.await.expect("no panic").expect("it stops");
    let error = node.call(request(4)).await.expect_err("it is down");
    assert_eq!(error.code(), Code::Unavailable);
}

#[tokio::test]
async fn requests_beyond_what_may_wait_on_all_streams_of_a_peer_are_handled_when_there_is_room() {
    let cluster = Cluster::start(0);
    let limits = StreamLimits::new().peer_backlog_bytes(1);
    let router = cluster.router(1).stream_limits(limits);
    let (running, first) = on_a_port(Server::new(router)).await;
    let mut nodes = vec![first];
    for _ in 1..4 {
        nodes.push(connected_to(running.address().to_string()).await);
    }
    let mut calls = Vec::new();
    for node in &nodes {
        calls.push(start(node, wish(0, Wish::Wait)));
        calls.extend((1..=20).map(|number| start(node, request(number))));
    }
    settle().await;
    assert!(!calls.iter().any(tokio::task::JoinHandle::is_finished));
    cluster.gate.open();
    for call in calls {
        let reply = soon("a reply", call).await;
        reply.expect("no panic").expect("it was handled");
    }
}

#[tokio::test]
async fn a_tonic_server_of_ones_own_shuts_down_once_its_node_streams_have_ended() {
    let mut cluster = Cluster::start(0);
    let router = cluster.router(1);
    let streams = router.stream_shutdown();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = recommended_server(tonic::transport::Server::builder())
        .add_routes(router.into_routes())
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
            drop(stopped.await);
            streams.begin();
        });
    let server = tokio::spawn(server);
    let node = connected_to(address).await;
    let begun = start(&node, wish(1, Wish::Wait));
    assert_eq!(cluster.event().await, began(1));
    stop.send(()).expect("it runs");
    settle().await;
    assert!(!server.is_finished());
    cluster.gate.open();
    assert_eq!(begun.await.expect("no panic"), Ok(1));
    let ended = soon("the end of the server", server).await;
    ended.expect("no panic").expect("it stops");
}

#[tokio::test]
async fn a_server_that_shuts_down_leaves_no_call_without_an_end_after_its_grace() {
    let mut cluster = Cluster::start(0);
    let server = Server::new(cluster.router(1)).grace(Duration::from_millis(50));
    let (running, node) = on_a_port(server).await;
    let call = start(&node, wish(1, Wish::Wait));
    assert_eq!(cluster.event().await, began(1));
    running.shutdown().await.expect("it stops");
    assert_eq!(call.await.expect("no panic"), Err(Code::Unavailable));
}
