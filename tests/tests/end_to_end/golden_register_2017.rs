//! The register service of 2017, with all its methods, as the tests of 2017 used it.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::testing::{Replicas, replicas};
use gorums_runtime::{CallOptions, NodeId};
use tests::golden::register_2017::register_gorums::{
    RegisterCalls, RegisterConfiguration, RegisterNode, RegisterReplicaServer,
};
use tests::golden::register_2017::{ReadRequest, State};
use tests::register_2017::{LEVEL_STRONG, LEVEL_WEAK, Quorums, Replica, state};
use tests::settle;
use tokio::time::Instant;
use tonic::{Code, Status};

type Register = RegisterConfiguration<Quorums>;

async fn serve(replica: impl Fn(u32) -> Replica) -> (Replicas, Register) {
    let replicas = replicas(3, |id| RegisterReplicaServer::new(replica(id.get()))).await;
    let replicas = replicas.expect("three replicas");
    let quorums = Quorums { read: 2, write: 3 };
    let register = RegisterConfiguration::new(replicas.configuration()).with_spec(quorums);
    (replicas, register)
}

/// The service on each of the three replicas.
fn nodes(register: &Register) -> [RegisterNode; 3] {
    let nodes: Vec<_> = register.nodes().collect();
    nodes.try_into().expect("three nodes")
}

#[tokio::test(start_paused = true)]
async fn what_a_quorum_call_writes_is_read_by_calls_of_all_kinds() {
    let (_replicas, register) = serve(|_| Replica::default()).await;
    let written = register.write(state("42", 1)).await.expect("a quorum");
    assert!(written.new);
    let read = register.read(ReadRequest {}).await.expect("a quorum");
    assert_eq!(read, state("42", 1));
    let custom = register.read_custom_return(ReadRequest {}).await;
    let custom = custom.expect("a quorum");
    assert_eq!((custom.value.as_str(), custom.extra), ("42", 2));
    for node in nodes(&register) {
        let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(read, state("42", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn futures_are_waited_for_later() {
    let (_replicas, register) = serve(|_| Replica::default()).await;
    let written = register.write_future(state("42", 1)).await;
    assert!(written.expect("a quorum").new);
    let read = register.read_future(ReadRequest {});
    settle().await;
    assert!(read.is_done());
    assert_eq!(read.await.expect("a quorum"), state("42", 1));
}

#[tokio::test(start_paused = true)]
async fn a_multicast_reaches_all_replicas() {
    let (_replicas, register) = serve(|_| Replica::default()).await;
    register.write(state("42", 1)).await.expect("a quorum");
    for timestamp in 2..=9 {
        let written = register.write_async(state("99", timestamp));
        written.await.expect("sent");
    }
    settle().await;
    for node in nodes(&register) {
        let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(read, state("99", 9));
    }
}

#[tokio::test(start_paused = true)]
async fn slow_and_failing_replicas_leave_a_call_to_its_deadline() {
    let (_replicas, register) = serve(|number| match number {
        1 => Replica::failing(Status::unknown("it always fails")),
        _ => Replica::slow(1000),
    })
    .await;
    let start = Instant::now();
    let timeout = Duration::from_millis(25);
    let error = register.read(ReadRequest {}).timeout(timeout).await;
    let error = error.expect_err("no quorum in time");
    assert_eq!(start.elapsed(), timeout);
    assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
    let codes = error.errors().iter().map(|error| error.code());
    assert_eq!(
        codes.collect::<Vec<_>>(),
        [
            Code::Unknown,
            Code::DeadlineExceeded,
            Code::DeadlineExceeded
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_late_before_it_starts_has_no_replies() {
    let (_replicas, register) = serve(|_| Replica::default()).await;
    let late = register.with_options(CallOptions::new().timeout(Duration::ZERO));
    let error = late.read(ReadRequest {}).await.expect_err("too late");
    assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
    assert_eq!(error.replies(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_quorum_function_never_decides_ends_with_the_last_reply() {
    let (replicas, _) = serve(|_| Replica::default()).await;
    let never = Quorums { read: 9, write: 9 };
    let register = RegisterConfiguration::new(replicas.configuration()).with_spec(never);
    let error = register.read(ReadRequest {}).await.expect_err("no quorum");
    assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
    assert_eq!((error.replies(), error.errors().len()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_correctable_is_weak_before_it_is_strong() {
    let (_replicas, register) = serve(|number| {
        let replica = Replica::slow([5, 20, 500][number as usize - 1]);
        replica.write(state("42", number.into()));
        replica
    })
    .await;
    let start = Instant::now();
    let read = register.read_correctable(ReadRequest {});
    assert_eq!((read.latest(), read.level()), (None, None));
    assert!(read.reached(LEVEL_WEAK).await);
    assert_eq!(start.elapsed().as_millis() / 5, 1);
    assert_eq!(read.latest().map(|(state, _)| state.timestamp), Some(1));
    let (strong, level) = read.done().await.expect("a last value");
    assert_eq!((strong.timestamp, level), (2, LEVEL_STRONG));
    assert!(start.elapsed() < Duration::from_millis(500));
    assert!(!read.reached(LEVEL_STRONG + 1).await);
}

#[tokio::test(start_paused = true)]
async fn streamed_replies_raise_the_level_one_by_one() {
    let (_replicas, register) = serve(|number| {
        let replica = Replica::slow([10, 15, 1000][number as usize - 1]);
        replica.write(state("42", 10 * i64::from(number)));
        replica
    })
    .await;
    let read = register.read_prelim(ReadRequest {});
    let updates = read
        .updates()
        .map(|(state, level)| (state.timestamp, level));
    assert_eq!(
        updates.collect::<Vec<_>>().await,
        [(10, 1), (20, 2), (20, 3), (21, 4)]
    );
    assert!(read.is_done() && read.error().is_none());
}

#[tokio::test(start_paused = true)]
async fn each_replica_gets_its_own_state() {
    let (_replicas, register) = serve(|_| Replica::default()).await;
    let written = register.write_per_node(state("42", 1), |state, node| {
        Some(State {
            value: format!("{} for {node}", state.value),
            ..state.clone()
        })
    });
    assert!(written.await.expect("a quorum").new);
    for node in nodes(&register) {
        let read = node.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(read, state(&format!("42 for {}", node.id()), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_manager_is_closed_no_call_is_answered() {
    let (replicas, register) = serve(|_| Replica::default()).await;
    register.write(state("42", 1)).await.expect("a quorum");
    replicas.manager().close();
    let error = register.read(ReadRequest {}).await.expect_err("closed");
    assert_eq!(error.kind(), QuorumCallErrorKind::Closed);
    register
        .write_async(state("99", 2))
        .await
        .expect_err("closed");
    let node = register.node(NodeId::new(1)).expect("a node");
    node.read_no_qc(ReadRequest {}).await.expect_err("closed");
}

/// Makes all calls that return a state, through the trait of the calls.
async fn read_all(register: &impl RegisterCalls) -> Vec<State> {
    let custom = register.read_custom_return(ReadRequest {}).await;
    let custom = custom.expect("a quorum");
    let (correctable, _) = register
        .read_correctable(ReadRequest {})
        .done()
        .await
        .expect("a last");
    let (prelim, _) = register
        .read_prelim(ReadRequest {})
        .done()
        .await
        .expect("a last");
    vec![
        register
            .read_no_qc(NodeId::new(1), ReadRequest {})
            .await
            .expect("a reply"),
        register.read(ReadRequest {}).await.expect("a quorum"),
        register
            .read_future(ReadRequest {})
            .await
            .expect("a quorum"),
        state(&custom.value, custom.timestamp),
        State::clone(&correctable),
        state(&prelim.value, prelim.timestamp - 1),
    ]
}

/// Makes all calls that write a state, through the trait of the calls.
async fn write_all(register: &impl RegisterCalls, timestamp: i64) {
    let write = state("42", timestamp);
    assert!(register.write(write).await.expect("a quorum").new);
    let write = state("42", timestamp + 1);
    assert!(register.write_future(write).await.expect("a quorum").new);
    let write = register.write_per_node(state("42", timestamp), |state, _| {
        Some(State {
            timestamp: state.timestamp + 2,
            ..state.clone()
        })
    });
    assert!(write.await.expect("a quorum").new);
    register
        .write_async(state("42", timestamp + 3))
        .await
        .expect("sent");
}

#[tokio::test(start_paused = true)]
async fn the_trait_of_the_calls_makes_the_calls_of_the_configuration() {
    let (_replicas, register) = serve(|_| Replica::default()).await;
    write_all(&register, 1).await;
    settle().await;
    assert_eq!(read_all(&register).await, vec![state("42", 4); 6]);
    let nobody = RegisterCalls::read_no_qc(&register, NodeId::new(4), ReadRequest {}).await;
    let nobody = nobody.expect_err("no such node");
    assert_eq!(
        (nobody.node_id(), nobody.code()),
        (NodeId::new(4), Code::NotFound)
    );
    assert_eq!(
        nobody.to_string(),
        "node 4 (unknown): NotFound: there is no node 4; the nodes are 1, 2, 3"
    );
}
