//! Listening to the errors of nodes.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::Caller;
use gorums_runtime::errors::NodeErrors;
use gorums_runtime::{AggregateCall, CallOptions, Manager, Transport, Unicast};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::methods::{Read, Write};
use tests::register::register_gorums::{RegisterConfiguration, RegisterNode};
use tests::replica::{Behaviour, Cluster, Gate, arrived};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tokio::task::unconstrained;
use tonic::{Code, Status};

async fn manager(cluster: &Cluster, replicas: u8) -> Manager {
    let manager = cluster.network.manager(replicas).connect_lazy().await;
    manager.expect("a manager")
}

fn broken() -> Behaviour {
    Behaviour::Fail(Status::internal("broken"))
}

fn silent() -> Behaviour {
    Behaviour::AnswerAfter(Gate::closed())
}

/// The errors that have arrived.
fn past(errors: &mut NodeErrors) -> Vec<(u32, Code)> {
    // tokio's budget must not make it look as if all had been read.
    std::iter::from_fn(|| unconstrained(errors.next()).now_or_never().flatten())
        .map(|error| (error.node_id().get(), error.code()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_listener_hears_of_each_node_that_a_call_failed_on() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [Behaviour::Answer, broken(), silent()]);
        let manager = manager(&cluster, 3).await;
        let mut listeners = [manager.node_errors(), manager.node_errors()];
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(3));
        let call = register.read(ReadRequest {});
        let error = call.timeout(Duration::from_millis(50)).await;
        error.expect_err("one of three");
        let node = RegisterNode::new(manager.node(Network::id(2)).expect("a node"));
        node.read_no_qc(ReadRequest {}).await.expect_err("broken");
        for errors in &mut listeners {
            let expected = [
                (2, Code::Internal),
                (3, Code::DeadlineExceeded),
                (2, Code::Internal),
            ];
            assert_eq!(past(errors), expected);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_configuration_tells_of_its_own_nodes_alone() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [broken(), broken()]);
        let manager = manager(&cluster, 2).await;
        let second = manager.configuration_of([Network::id(2)]).expect("a node");
        let mut errors = second.node_errors();
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect_err("broken");
        assert_eq!(past(&mut errors), [(2, Code::Internal)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_withdrawn_is_not_told_of() {
    on_both(async |transport| {
        let late = Behaviour::FailAfter(Duration::from_millis(50), Status::internal("broken"));
        let mut cluster = Cluster::start(transport, [Behaviour::Answer, late, silent()]);
        let manager = manager(&cluster, 3).await;
        let mut errors = manager.node_errors();
        let caller = Caller::new(manager.configuration(), ());
        let read =
            || AggregateCall::<Read>::new(&caller, ReadRequest {}).timeout(Duration::from_secs(1));
        read().cancel_rest().first().await.expect("a reply");
        let mut undecided = read().all().into_future();
        assert!((&mut undecided).now_or_never().is_none());
        cluster.wait_for(&[2, 3], arrived).await;
        drop(undecided);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(past(&mut errors), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_straggler_that_fails_is_told_of() {
    on_both(async |transport| {
        let late = Behaviour::FailAfter(Duration::from_millis(50), Status::internal("broken"));
        let cluster = Cluster::start(transport, [Behaviour::Answer, late, silent()]);
        let manager = manager(&cluster, 3).await;
        let mut errors = manager.node_errors();
        let caller = Caller::new(manager.configuration(), ());
        let read = AggregateCall::<Read>::new(&caller, ReadRequest {});
        let read = read.timeout(Duration::from_secs(1));
        read.first().await.expect("a reply");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let failed = [(2, Code::Internal), (3, Code::DeadlineExceeded)];
        assert_eq!(past(&mut errors), failed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_that_cannot_be_sent_or_is_refused_is_reported() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(transport, [broken()]);
        cluster.network.silence(3);
        let manager = manager(&cluster, 3).await;
        let mut errors = manager.node_errors();
        let options = CallOptions::new().timeout(Duration::from_millis(50));
        let caller = Caller::new(manager.configuration(), ()).with_options(options);
        MulticastCall::<Write>::new(&caller, state("new", 1))
            .start()
            .detach();
        cluster.wait_for(&[1], arrived).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let mut failed = past(&mut errors);
        failed.sort_by_key(|(node, _)| *node);
        let expected = [
            // It was sent, and the node refused it.
            (1, Code::Internal),
            (2, Code::Unavailable),
            (3, Code::DeadlineExceeded),
        ];
        assert_eq!(failed, expected);
    })
    .await;
}

/// Plain gRPC only: a node stream has a queue of outgoing messages instead of calls in flight without replies.
#[tokio::test(start_paused = true)]
async fn a_detached_call_that_is_dropped_for_lack_of_room_is_told_of() {
    let mut cluster = Cluster::start(Transport::Grpc, [silent()]);
    let manager = cluster.network.manager(1).one_way_limit(1).connect().await;
    let manager = manager.expect("up");
    let mut errors = manager.node_errors();
    let caller = Caller::new(manager.configuration(), ());
    let node = caller.node(Network::id(1)).expect("a node");
    let send = || Unicast::start::<Write>(&node, state("new", 1));
    send().await.expect("sent");
    cluster.wait_for(&[1], arrived).await;
    drop(send());
    assert_eq!(past(&mut errors), []);
    send().detach();
    let error = errors.next().await.expect("open");
    assert_eq!(
        error.to_string(),
        "node 1 (10.0.0.1:4000): ResourceExhausted: \
         a one-way call was dropped: 1 are in flight, which is the limit (one_way_limit)"
    );
    settle().await;
    assert_eq!(past(&mut errors), []);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_lags_misses_the_oldest_errors_and_knows_how_many() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, []);
        let manager = manager(&cluster, 1).await;
        let mut errors = manager.node_errors();
        let node = RegisterNode::new(manager.node(Network::id(1)).expect("a node"));
        for _ in 0..NodeErrors::CAPACITY + 3 {
            node.read_no_qc(ReadRequest {}).await.expect_err("down");
        }
        assert_eq!(past(&mut errors).len(), NodeErrors::CAPACITY);
        assert_eq!(errors.missed(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_errors_end_when_the_manager_closes() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [broken()]);
        let manager = manager(&cluster, 1).await;
        let mut errors = manager.node_errors();
        let node = RegisterNode::new(manager.node(Network::id(1)).expect("a node"));
        node.read_no_qc(ReadRequest {}).await.expect_err("broken");
        assert!(errors.next().await.is_some());
        assert!(errors.next().now_or_never().is_none());
        manager.close();
        assert!(errors.next().await.is_none());
    })
    .await;
}
