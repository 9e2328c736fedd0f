//! Calls of a process to itself.

use std::time::Duration;

use futures::FutureExt;
use gorums_runtime::{NodeId, testing};
use tests::member::{members, register};
use tests::on_both;
use tests::register::ReadRequest;
use tests::replica::{Behaviour, Cluster, Gate};
use tests::spec::state;
use tonic::Code;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_handler_does_not_run_while_its_caller_is_polled() {
    on_both(async |transport| {
        let systems = members(transport, 1).await;
        let node = register(&systems.system(NodeId::new(1)));
        let node = node.nodes().next().expect("itself");
        let mut call = node.write_no_qc(state("new", 1)).into_future();
        assert!((&mut call).now_or_never().is_none());
        let before = node.read_no_qc(ReadRequest {}).into_future().now_or_never();
        assert!(before.is_none());
        assert!(call.await.expect("a reply").new);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_to_itself_keeps_its_deadline_and_tells_the_handler_that_nobody_waits() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(transport, []);
        let services = cluster.services(1, Behaviour::AnswerAfter(Gate::closed()));
        let configure = move |_, builder: gorums_runtime::SystemBuilder| {
            builder.manager(|manager| manager.transport(transport))
        };
        let systems = testing::systems_with(1, configure, move |_| services.clone());
        let systems = systems.await.expect("it starts");
        let node = register(&systems.system(NodeId::new(1)));
        let node = node.nodes().next().expect("itself");
        let call = node.read_no_qc(ReadRequest {}).timeout(SECOND);
        let error = call.await.expect_err("the gate is closed");
        assert_eq!(error.code(), Code::DeadlineExceeded);
        let cancelled = |event: &_| match event {
            tests::replica::Event::Cancelled { replica } => Some(*replica),
            _ => None,
        };
        cluster.wait_for(&[1], cancelled).await;
    })
    .await;
}

#[tokio::test]
async fn calls_to_itself_are_handled_in_their_order() {
    let systems = members(Default::default(), 1).await;
    let node = register(&systems.system(NodeId::new(1)));
    let node = node.nodes().next().expect("itself");
    let calls: Vec<_> = (1..=500)
        .map(|timestamp| node.write_no_qc(state("x", timestamp)).into_future())
        .collect();
    for outcome in futures::future::join_all(calls).await {
        // Each write is newer than the one before.
        assert!(outcome.expect("a reply").new);
    }
}

#[tokio::test]
async fn quorum_calls_with_itself_among_the_nodes_contend_and_all_are_answered() {
    let systems = members(Default::default(), 3).await;
    let register = register(&systems.system(NodeId::new(1)));
    for _ in 0..500 {
        let [a, b, c] = [(); 3].map(|()| register.read(ReadRequest {}).into_future());
        let (a, b, c) = tokio::join!(a, b, c);
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
    }
}
