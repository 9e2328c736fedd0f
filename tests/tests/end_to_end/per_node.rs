//! Calls in which each node gets a request of its own.

use gorums_runtime::NodeId;
use gorums_runtime::errors::QuorumCallErrorKind;
use tests::network::Network;
use tests::on_both;
use tests::register::{ReadRequest, State};
use tests::replica::{Behaviour, Cluster, Gate, arrived, handled};
use tests::spec::{Count, state};

fn own_value(state: &State, node: NodeId) -> State {
    State {
        value: format!("{} for {node}", state.value),
        ..state.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn each_node_gets_its_own_request() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(3)).await;
        let call =
            register.write_per_node(state("v", 1), |state, node| Some(own_value(state, node)));
        call.await.expect("all");
        for number in 1..=3 {
            let node = register.node(Network::id(number)).expect("a node");
            let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
            assert_eq!(read.value, format!("v for {number}"));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_skipped_node_gets_nothing_and_counts_neither_as_a_reply_nor_as_an_error() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(3)).await;
        let call = register.write_per_node(state("v", 1), |state, node| {
            (node != Network::id(2)).then(|| state.clone())
        });
        let error = call.await.expect_err("two of three replies");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!((error.replies(), error.errors().len()), (2, 0));
        cluster.wait_for(&[1, 3], handled).await;
        assert!(
            !cluster
                .past_events()
                .iter()
                .any(|event| arrived(event) == Some(2))
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_skips_all_nodes_is_incomplete_at_once() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(1)).await;
        let call = register.write_per_node(state("v", 1), |_, _| None);
        let error = call.await.expect_err("nobody was asked");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!((error.replies(), error.errors().len()), (0, 0));
        assert_eq!(cluster.past_events(), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_per_node_function_fails_its_call_only() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let call =
            register.write_per_node(state("v", 1), |_, node| panic!("no request for {node}"));
        let error = call.await.expect_err("a panic");
        assert_eq!(error.kind(), QuorumCallErrorKind::Panicked);
        assert_eq!(error.panic_message(), Some("no request for 1"));
        register.read(ReadRequest {}).await.expect("a quorum");
    })
    .await;
}
