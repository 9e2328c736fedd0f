//! Calls to one node.

use futures::future::join_all;
use tests::network::Network;
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
