//! Calls to one node.

use std::time::Duration;

use futures::future::join_all;
use tests::network::Network;
use tests::numbered::Wish;
use tests::numbered_replica::{self, Event, request, wish};
use tests::on_both;
use tests::register::ReadRequest;
use tests::replica::{Behaviour, Cluster, Gate, arrived};
use tests::spec::state;
use tonic::{Code, Status};

#[tokio::test(start_paused = true)]
async fn each_node_can_be_written_and_read_alone() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, ()).await;
        let nodes: Vec<_> = register.nodes().collect();
        assert_eq!(nodes.len(), 3);
        for (node, timestamp) in nodes.iter().zip(1..) {
            let value = format!("of {}", node.id());
            let written = node.write_no_qc(state(&value, timestamp)).await;
            assert!(written.expect("a reply").new);
        }
        for (node, timestamp) in nodes.iter().zip(1..) {
            let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
            assert_eq!(read, state(&format!("of {}", node.id()), timestamp));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_to_one_node_are_under_way_together_and_each_gets_its_reply() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(gate.clone())]);
        let register = cluster.register(1, ()).await;
        let node = register.node(Network::id(1)).expect("a node");
        let calls = (1..=10).map(|timestamp| {
            let write = node.write_no_qc(state("value", timestamp));
            tokio::spawn(write.into_future())
        });
        let calls: Vec<_> = calls.collect();
        for _ in 0..10 {
            cluster.wait_for(&[1], arrived).await;
        }
        gate.open();
        for outcome in join_all(calls).await {
            outcome.expect("no panic").expect("a reply");
        }
        let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(read, state("value", 10));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_status_that_a_node_answers_with_is_the_error_of_its_call() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            [Behaviour::Fail(Status::not_found("no such key"))],
        );
        let register = cluster.register(1, ()).await;
        let node = register.node(Network::id(1)).expect("a node");
        let error = node.read_no_qc(ReadRequest {}).await.expect_err("it fails");
        assert_eq!(
            (error.node_id(), error.code(), error.status().message()),
            (Network::id(1), Code::NotFound, "no such key")
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_started_are_handled_in_their_order_before_any_is_awaited() {
    let mut cluster = numbered_replica::Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let node = numbered.nodes().next().expect("a node");
    let calls: Vec<_> = (1..=100)
        .map(|number| node.call(request(number)).start())
        .collect();
    tests::settle().await;
    assert_eq!(cluster.began_at(1), (1..=100).collect::<Vec<u64>>());
    for (call, number) in calls.into_iter().zip(1..) {
        assert!(call.is_done());
        assert_eq!(call.await.expect("a reply").number, number);
    }
}

#[tokio::test(start_paused = true)]
async fn a_started_call_is_withdrawn_when_its_handle_is_dropped_unless_it_is_detached() {
    on_both(async |transport| {
        let mut cluster = numbered_replica::Cluster::start_on(transport, 1);
        let numbered = cluster.numbered(1).await;
        let node = numbered.nodes().next().expect("a node");
        let dropped = node.concurrent_call(wish(1, Wish::Cancelled)).start();
        let detached = node.concurrent_call(wish(2, Wish::Wait)).start();
        for _ in 0..2 {
            let event = cluster.event().await;
            assert!(matches!(event, Event::Began { .. }), "{event:?}");
        }
        drop(dropped);
        detached.detach();
        let (replica, number) = (1, 1);
        assert_eq!(cluster.event().await, Event::Ended { replica, number });
        cluster.gate.open();
        let (replica, number) = (1, 2);
        assert_eq!(cluster.event().await, Event::Ended { replica, number });
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_started_call_fails_with_its_node() {
    let mut cluster = numbered_replica::Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let node = numbered.nodes().next().expect("a node");
    let call = node.call(wish(1, Wish::Wait)).start();
    cluster.event().await;
    cluster.network.kill(1);
    let error = tests::soon("the end", call)
        .await
        .expect_err("the node is gone");
    assert_eq!(error.code(), Code::Unavailable);
    let late = node.call(request(2)).timeout(Duration::ZERO).start();
    let error = tests::soon("the end", late)
        .await
        .expect_err("it is too late");
    assert_eq!(error.code(), Code::DeadlineExceeded);
}
