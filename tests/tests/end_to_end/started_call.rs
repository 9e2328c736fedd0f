//! Calls that are sent before anybody waits for them.

use std::time::Duration;

use gorums_runtime::CallOptions;
use gorums_runtime::errors::QuorumCallErrorKind;
use tests::network::Network;
use tests::register::ReadRequest;
use tests::replica::{Behaviour, Cluster, Gate, arrived, cancelled, handled};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tonic::Code;

#[tokio::test(start_paused = true)]
async fn a_started_call_goes_on_without_being_polled() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let handle = register.write(state("new", 1)).start();
        cluster.wait_for(&[1, 2, 3], handled).await;
        settle().await;
        assert!(handle.is_done());
        assert!(handle.await.expect("a quorum").new);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handle_tells_whether_its_call_has_ended_and_which_nodes_decided_it() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, vec![Behaviour::AnswerAfter(gate.clone()); 3]);
        let register = cluster.register(3, Count(3)).await;
        let handle = register.read(ReadRequest {}).start();
        cluster.wait_for(&[1, 2, 3], arrived).await;
        assert!(!handle.is_done());
        gate.open();
        let mut nodes = handle.with_node_ids().await.expect("all").node_ids;
        nodes.sort();
        assert_eq!(nodes, [1, 2, 3].map(Network::id));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_withdraws_its_call() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let handle = register.read(ReadRequest {}).start();
        cluster.wait_for(&[1, 2, 3], arrived).await;
        drop(handle);
        cluster.wait_for(&[1, 2, 3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_detached_call_goes_on() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, vec![Behaviour::AnswerAfter(gate.clone()); 3]);
        let register = cluster.register(3, Count(2)).await;
        register.write(state("new", 1)).start().detach();
        cluster.wait_for(&[1, 2, 3], arrived).await;
        settle().await;
        gate.open();
        cluster.wait_for(&[1, 2, 3], handled).await;
        let read = register.read(ReadRequest {}).await.expect("a quorum");
        assert_eq!(read, state("new", 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_options_of_a_service_hold_for_each_of_its_calls() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let options = CallOptions::new().timeout(Duration::from_millis(50));
        let hurried = register.with_options(options);

        let error = hurried.read(ReadRequest {}).await.expect_err("late");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        let error = hurried
            .read(ReadRequest {})
            .start()
            .await
            .expect_err("late");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        let node = hurried.node(Network::id(1)).expect("a node");
        let error = node.read_no_qc(ReadRequest {}).await.expect_err("late");
        assert_eq!(error.code(), Code::DeadlineExceeded);

        let patient = tokio::spawn(register.read(ReadRequest {}).into_future());
        cluster.wait_for(&[1, 2, 3], arrived).await;
        assert!(!patient.is_finished());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_may_have_another_deadline_than_its_service() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let register = register.with_options(CallOptions::new().timeout(Duration::from_secs(60)));
        let start = tokio::time::Instant::now();
        let call = register
            .read(ReadRequest {})
            .timeout(Duration::from_secs(1));
        call.await.expect_err("late");
        assert!(start.elapsed() < Duration::from_secs(2));
    })
    .await;
}
