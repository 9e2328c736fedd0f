//! One-way calls.

use std::time::Duration;

use futures::FutureExt;
use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::{Caller, NodeCaller};
use gorums_runtime::{CallOptions, Multicast, Transport, Unicast};
use tests::network::Network;
use tests::register::register_gorums::methods::Write;
use tests::register::register_gorums::{RegisterConfiguration, RegisterNode};
use tests::register::{ReadRequest, State};
use tests::replica::{Behaviour, Cluster, Gate, arrived, cancelled, handled};
use tests::spec::state;
use tests::{on_both, settle};
use tokio::time::Instant;
use tonic::{Code, Status};

async fn caller(cluster: &Cluster, replicas: u8) -> Caller<()> {
    let manager = cluster.network.manager(replicas).connect_lazy().await;
    Caller::new(manager.expect("a manager").configuration(), ())
}

fn multicast(caller: &Caller<()>, state: State) -> Multicast {
    MulticastCall::<Write>::new(caller, state).start()
}

#[tokio::test(start_paused = true)]
async fn a_multicast_reaches_all_replicas_without_waiting_for_any() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::AnswerAfter(Gate::closed()),
                Behaviour::Fail(Status::internal("nobody hears of this")),
            ],
        );
        let caller = caller(&cluster, 3).await;
        let start = Instant::now();
        multicast(&caller, state("new", 1)).await.expect("sent");
        assert_eq!(start.elapsed(), Duration::ZERO);
        cluster.wait_for(&[1, 2, 3], arrived).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_multicast_is_sent_when_it_is_made() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let unpolled = multicast(&caller, state("new", 1));
        cluster.wait_for(&[1, 2, 3], handled).await;
        unpolled.await.expect("sent");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_multicast_names_the_nodes_that_it_could_not_be_sent_to() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 2);
        let caller = caller(&cluster, 3).await;
        let error = multicast(&caller, state("new", 1))
            .await
            .expect_err("one is down");
        assert_eq!(error.errors().len(), 1);
        assert_eq!(error.errors()[0].node_id(), Network::id(3));
        assert_eq!(
            error.to_string(),
            "register.Register/Write: not sent to 1 of 3 nodes: \
         node 3 (10.0.0.3:4000): Unavailable: connection refused"
        );
        cluster.wait_for(&[1, 2], handled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_multicast_holds_while_connecting() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 2);
        cluster.network.silence(3);
        let caller = caller(&cluster, 3).await;
        let hurried = caller.with_options(CallOptions::new().timeout(Duration::from_millis(50)));
        let error = multicast(&hurried, state("new", 1))
            .await
            .expect_err("one is silent");
        assert_eq!(error.errors().len(), 1);
        assert_eq!(error.errors()[0].code(), Code::DeadlineExceeded);
        cluster.wait_for(&[1, 2], handled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_multicast_withdraws_what_is_not_sent_and_detaching_does_not() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let manager = cluster.network.manager(3).connect_lazy().await;
        let caller = Caller::new(manager.expect("a manager").configuration(), ());
        // No connection is made before the test waits.
        drop(multicast(&caller, state("dropped", 1)));
        settle().await;
        assert_eq!(cluster.past_events(), []);
        multicast(&caller, state("detached", 2)).detach();
        cluster.wait_for(&[1, 2, 3], handled).await;
    })
    .await;
}

/// Plain gRPC only: a node stream has a queue of outgoing messages instead of calls in flight without replies.
#[tokio::test(start_paused = true)]
async fn a_node_without_room_makes_a_multicast_wait_and_a_detached_one_is_dropped() {
    let gate = Gate::closed();
    let mut cluster = Cluster::start(Transport::Grpc, [Behaviour::AnswerAfter(gate.clone())]);
    let manager = cluster.network.manager(1).one_way_limit(2).connect().await;
    let caller = Caller::new(manager.expect("up").configuration(), ());
    for timestamp in 1..=2 {
        multicast(&caller, state("under way", timestamp))
            .await
            .expect("sent");
        cluster.wait_for(&[1], arrived).await;
    }
    multicast(&caller, state("dropped", 3)).detach();
    let mut waiting = multicast(&caller, state("waiting", 4));
    settle().await;
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(cluster.past_events(), []);
    gate.open();
    waiting.await.expect("sent");
    for _ in 0..3 {
        cluster.wait_for(&[1], handled).await;
    }
    settle().await;
    assert_eq!(cluster.past_events(), []);
}

#[tokio::test(start_paused = true)]
async fn each_node_gets_its_own_message_or_none() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let call = MulticastCall::<Write>::per_node(&caller, state("v", 1), |state, node| {
            (node != Network::id(2)).then(|| State {
                value: format!("{} for {node}", state.value),
                ..state.clone()
            })
        });
        call.start().await.expect("sent");
        cluster.wait_for(&[1, 3], handled).await;
        let register = RegisterConfiguration::new(caller.configuration().clone());
        for (number, value) in [(1, "v for 1"), (2, ""), (3, "v for 3")] {
            let node = register.node(Network::id(number)).expect("a node");
            let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
            assert_eq!(read.value, value);
        }
        let nobody = MulticastCall::<Write>::per_node(&caller, state("v", 1), |_, _| None);
        nobody.start().await.expect("nothing to send");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_one_way_call_holds_at_the_replica() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(Gate::closed())]);
        let caller = caller(&cluster, 1).await;
        let hurried = caller.with_options(CallOptions::new().timeout(Duration::from_millis(50)));
        multicast(&hurried, state("new", 1)).await.expect("sent");
        cluster.wait_for(&[1], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_unicast_goes_to_its_node_alone() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 2);
        let caller = caller(&cluster, 3).await;
        let to = |number| caller.node(Network::id(number)).expect("a node");
        let send = |node: &NodeCaller| Unicast::start::<Write>(node, state("new", 1));
        send(&to(2)).await.expect("sent");
        cluster.wait_for(&[2], handled).await;
        send(&to(2)).detach();
        cluster.wait_for(&[2], handled).await;
        assert_eq!(cluster.past_events(), []);
        let error = send(&to(3)).await.expect_err("down");
        assert_eq!(
            (error.node_id(), error.code()),
            (Network::id(3), Code::Unavailable)
        );
        let node = RegisterNode::new(to(2).as_node().clone());
        let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(read, state("new", 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_per_node_function_fails_its_multicast_and_sends_nothing() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let call = MulticastCall::<Write>::per_node(&caller, state("v", 1), |state, node| {
            assert_ne!(node, Network::id(2), "no request for it");
            Some(state.clone())
        });
        let error = call.start().await.expect_err("a panic");
        assert!(error.to_string().contains("no request for it"), "{error}");
        assert!(error.errors().is_empty());
        settle().await;
        assert_eq!(cluster.past_events(), []);
    })
    .await;
}
