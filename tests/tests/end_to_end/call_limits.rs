//! The limits that a replica sets for its calls hold over both transports.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::NodeId;
use gorums_runtime::server::{ReplicaServer, Router};
use tests::network::Network;
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode, NumberedService};
use tests::numbered::{Request, Wish};
use tests::numbered_replica::{Cluster, Event, ONE_LARGE_REPLY, connect, request, wish};
use tests::on_both;
use tests::spec::Count;
use tests::streaming::Chunk;
use tests::streaming::transfer_gorums::{TransferNode, TransferReplicaServer};
use tests::transfer;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// The node that serves the service that `set` has adjusted.
async fn served<R: Into<Router>>(
    cluster: &Cluster,
    set: impl FnOnce(ReplicaServer<NumberedService>) -> R,
) -> (NumberedConfiguration<Count>, NumberedNode) {
    let service = set(cluster.service(1));
    cluster.network.serve(1, service.into());
    let builder = cluster.network.manager(1).max_message_size(usize::MAX);
    let numbered = connect(builder, Count(1)).await;
    let node = numbered.node(NodeId::new(1)).expect("the node");
    (numbered, node)
}

/// A request for a reply of about `size` bytes.
fn sized(number: u64, size: u32) -> Request {
    Request {
        number,
        size,
        ..Request::default()
    }
}

/// How a stream of replies ends.
async fn end(numbered: &NumberedConfiguration<Count>, request: Request) -> Result<usize, Status> {
    let replies: Vec<_> = numbered.watch(request).responses().collect().await;
    let mut sizes = 0;
    for (_, reply) in replies {
        sizes += reply.map_err(|error| error.status().clone())?.padding.len();
    }
    Ok(sizes)
}

#[tokio::test(start_paused = true)]
async fn a_reply_beyond_the_limit_is_its_calls_error_and_others_go_on() {
    on_both(async |transport| {
        let cluster = Cluster::start_on(transport, 0);
        let (numbered, node) = served(&cluster, |it| Router::from(it).max_message_size(100)).await;
        node.call(sized(1, 90)).await.expect("small enough");
        let error = node.call(sized(2, 110)).await.expect_err("too large");
        assert_eq!(error.code(), Code::OutOfRange, "{error}");
        let advice =
            "more than the server's max_message_size of 100; raise that option at the server";
        assert!(error.status().message().ends_with(advice), "{error}");
        let small = end(&numbered, sized(ONE_LARGE_REPLY, 80)).await;
        assert_eq!(small.expect("small enough"), 80);
        let large = end(&numbered, sized(ONE_LARGE_REPLY, 110)).await;
        assert_eq!(large.expect_err("too large").code(), Code::OutOfRange);
        node.call(sized(3, 90)).await.expect("the stream goes on");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_limit_is_its_calls_error_and_others_go_on() {
    on_both(async |transport| {
        let cluster = Cluster::start_on(transport, 0);
        let (_, node) = served(&cluster, |it| Router::from(it).max_message_size(4)).await;
        node.call(request(1)).await.expect("small enough");
        let error = node.call(sized(u64::MAX, 1)).await.expect_err("too large");
        assert_eq!(error.code(), Code::OutOfRange, "{error}");
        let advice =
            "more than the server's max_message_size of 4; raise that option at the server";
        assert!(error.status().message().ends_with(advice), "{error}");
        node.call(request(2)).await.expect("the stream goes on");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_may_take_larger_requests_than_is_usual() {
    const MIB: usize = 1024 * 1024;
    on_both(async |transport| {
        let network = Network::new(transport);
        let large = TransferReplicaServer::new(transfer::Replica::new().0);
        network.serve(1, Router::from(large).max_message_size(6 * MIB));
        let manager = network.manager(1).max_message_size(8 * MIB);
        let manager = manager.connect_lazy().await.expect("a manager");
        let node = manager.node(Network::id(1)).expect("the node");
        let content = |mebibytes| Chunk {
            content: vec![0; mebibytes * MIB],
        };
        let transfer = TransferNode::new(node);
        let receipt = transfer.send(content(5)).await.expect("small enough");
        assert_eq!(receipt.length, 5 * MIB as u64);
        let error = transfer.send(content(7)).await.expect_err("too large");
        assert_eq!(error.code(), Code::OutOfRange, "{error}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_answered_deadline_exceeded() {
    let second = Duration::from_secs(1);
    on_both(async |transport| {
        let mut cluster = Cluster::start_on(transport, 0);
        let (numbered, node) = served(&cluster, |it| it.timeout(second)).await;
        let before = Instant::now();
        let error = node
            .call(wish(1, Wish::Release))
            .await
            .expect_err("too late");
        assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
        assert!(before.elapsed() >= second);
        let error = end(&numbered, wish(2, Wish::Release)).await;
        let status = error.expect_err("too late");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        let error = numbered.quorum(wish(3, Wish::Release)).await;
        let error = error.expect_err("too late");
        assert_eq!(error.errors()[0].code(), Code::DeadlineExceeded, "{error}");
        node.call(request(4)).await.expect("the stream goes on");
        // The handlers still run to their ends.
        cluster.gate.open();
        let mut ended = Vec::new();
        while ended.len() < 4 {
            if let Event::Ended { number, .. } = cluster.event().await {
                ended.push(number);
            }
        }
        ended.sort_unstable();
        assert_eq!(ended, [1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handlers_context_is_cancelled_when_it_takes_too_long() {
    on_both(async |transport| {
        let mut cluster = Cluster::start_on(transport, 0);
        let (_, node) = served(&cluster, |it| it.timeout(Duration::from_secs(1))).await;
        // It returns as soon as it is cancelled, perhaps before its caller gets the error.
        let _ = node.call(wish(1, Wish::Cancelled)).await;
        let events = [cluster.event().await, cluster.event().await];
        assert!(matches!(events[1], Event::Ended { number: 1, .. }));
        // One-way calls have no reply, but their handlers are cancelled as well.
        node.unicast(wish(2, Wish::Cancelled)).await.expect("sent");
        let events = [cluster.event().await, cluster.event().await];
        assert!(matches!(events[1], Event::Ended { number: 2, .. }));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tonic_servers_own_timeout_is_deadline_exceeded_at_the_caller() {
    use gorums_runtime::{Manager, Server, Transport};

    let cluster = Cluster::start(0);
    let router = cluster.router(1);
    let server = Server::new(router)
        .configure(|server| server.timeout(Duration::from_millis(10)))
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start();
    let manager = Manager::builder()
        .address(server.address().to_string())
        .transport(Transport::Grpc);
    let numbered = connect(manager, Count(1)).await;
    let node = numbered.nodes().next().expect("a node");
    let call = node.call(wish(1, Wish::Wait)).metadata(MetadataMap::new());
    let error = call.await.expect_err("too late");
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
}
