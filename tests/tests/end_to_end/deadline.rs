//! Deadlines end calls, travel to the servers, and hold while connecting.

use std::time::Duration;

use futures::poll;
use gorums_runtime::errors::QuorumCallErrorKind;
use tests::network::Network;
use tests::numbered::Wish;
use tests::numbered_replica::{self, request, wish};
use tests::register::ReadRequest;
use tests::replica::{Behaviour, Cluster, Event, Gate, arrived, cancelled};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tokio::time::Instant;
use tonic::{Code, Status};

const TIMEOUT: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_names_the_nodes_that_did_not_answer() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::AnswerAfter(Gate::closed()),
                Behaviour::Fail(Status::internal("very wrong")),
            ],
        );
        let register = cluster.register(3, Count(2)).await;
        let start = Instant::now();
        let error = register.read(ReadRequest {}).timeout(TIMEOUT).await;
        let error = error.expect_err("no quorum");
        // tokio's timers round up to the next millisecond.
        let late = start.elapsed() - TIMEOUT;
        assert!(late <= Duration::from_millis(1), "{late:?} late");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(error.replies(), 1);
        let mut failed: Vec<_> = error
            .errors()
            .iter()
            .map(|error| (error.node_id().get(), error.code()))
            .collect();
        failed.sort_unstable_by_key(|(node, _)| *node);
        assert_eq!(failed, [(2, Code::DeadlineExceeded), (3, Code::Internal)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_reaches_every_server_as_grpc_timeout() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(3)).await;
        register
            .read(ReadRequest {})
            .timeout(Duration::from_secs(2))
            .await
            .expect("a quorum");
        cluster
            .wait_for(&[1, 2, 3], |event| match event {
                Event::Arrived { replica, timeout } => {
                    assert_eq!(timeout.as_deref(), Some("2000000u"));
                    Some(*replica)
                }
                _ => None,
            })
            .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_no_deadline_is_sent() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 1);
        let register = cluster.register(1, Count(1)).await;
        register.read(ReadRequest {}).await.expect("a quorum");
        let arrival = Event::Arrived {
            replica: 1,
            timeout: None,
        };
        assert_eq!(cluster.event().await, arrival);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_deadline_is_deadline_exceeded_on_every_node_whoever_notices_it_first() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let error = register.read(ReadRequest {}).timeout(TIMEOUT).await;
        let error = error.expect_err("no quorum");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(error.errors().len(), 3);
        for error in error.errors() {
            assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reports_the_expired_deadline_as_cancelled_has_exceeded_the_deadline() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            vec![Behaviour::FailAfter(TIMEOUT, Status::cancelled("Timeout expired")); 3],
        );
        let register = cluster.register(3, Count(2)).await;
        let error = register.read(ReadRequest {}).timeout(TIMEOUT).await;
        let error = error.expect_err("no quorum");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(error.errors().len(), 3);
        for error in error.errors() {
            assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cancels_before_the_deadline_has_cancelled() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            vec![Behaviour::Fail(Status::cancelled("shutting down")); 3],
        );
        let register = cluster.register(3, Count(2)).await;
        let error = register.read(ReadRequest {}).timeout(TIMEOUT).await;
        let error = error.expect_err("no quorum");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.errors().len(), 3);
        for error in error.errors() {
            assert_eq!(error.code(), Code::Cancelled, "{error}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_while_connecting() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        cluster.network.silence(1);
        cluster.network.silence(2);
        let register = cluster.register(3, Count(2)).await;
        let start = Instant::now();
        let error = register.read(ReadRequest {}).timeout(TIMEOUT).await;
        let error = error.expect_err("no quorum");
        assert!(start.elapsed() < 2 * TIMEOUT);
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(error.replies(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_its_deadline_a_call_is_withdrawn_from_the_servers() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let error = register.read(ReadRequest {}).timeout(TIMEOUT).await;
        error.expect_err("no quorum");
        cluster.wait_for(&[1, 2, 3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_ready_when_the_deadline_passes_still_counts() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, vec![Behaviour::AnswerAfter(gate.clone()); 3]);
        let register = cluster.register(3, Count(3)).await;
        let mut call = register
            .write(state("new", 1))
            .timeout(TIMEOUT)
            .into_future();
        assert!(poll!(&mut call).is_pending());
        cluster.wait_for(&[1, 2, 3], arrived).await;
        gate.open();
        settle().await;
        tokio::time::advance(2 * TIMEOUT).await;
        call.await.expect("all replies were there");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_has_passed_when_it_starts_sends_nothing() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let error = register.read(ReadRequest {}).timeout(Duration::ZERO).await;
        let error = error.expect_err("no time");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!((error.replies(), error.errors().len()), (0, 0));
        let node = register.node(Network::id(1)).expect("a node");
        let error = node
            .read_no_qc(ReadRequest {})
            .timeout(Duration::ZERO)
            .await;
        assert_eq!(error.expect_err("no time").code(), Code::DeadlineExceeded);
        register.read(ReadRequest {}).await.expect("a quorum");
        cluster.wait_for(&[1, 2, 3], arrived).await;
        assert!(
            !cluster
                .past_events()
                .iter()
                .any(|event| arrived(event).is_some())
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_clock_is_none() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let read = register.read(ReadRequest {}).timeout(Duration::MAX).await;
        assert!(read.is_ok());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_call_ends_at_its_deadline_and_is_withdrawn() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(Gate::closed())]);
        let register = cluster.register(1, ()).await;
        let node = register.node(Network::id(1)).expect("a node");
        let error = node.read_no_qc(ReadRequest {}).timeout(TIMEOUT).await;
        assert_eq!(error.expect_err("late").code(), Code::DeadlineExceeded);
        cluster.wait_for(&[1], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_to_nodes_that_never_answer_end_each_at_its_own_deadline() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let start = Instant::now();
        for _ in 0..100 {
            let call = register.write(state("new", 1));
            let error = call.timeout(Duration::from_millis(10)).await;
            let error = error.expect_err("nobody answers");
            assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        }
        assert!(start.elapsed() <= Duration::from_millis(100 * 11));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_for_its_turn_until_its_deadline_names_the_method_ahead_of_it() {
    let second = Duration::from_secs(1);
    let cluster = numbered_replica::Cluster::start(2);
    let numbered = cluster.numbered(2).await;
    let node = numbered.nodes().next().expect("a node");
    let holding = node.call(wish(1, Wish::Wait)).timeout(10 * second).start();
    tests::settle().await;
    let ahead = "the handler of an earlier call of numbered.Numbered/Call kept its turn";
    // One of the two answers.
    let error = numbered.quorum(request(2)).timeout(second).await;
    let error = error.expect_err("it waits behind the other");
    let [late] = error.errors() else {
        panic!("{error}");
    };
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert!(late.status().message().contains(ahead), "{late}");
    let late = node.call(request(3)).timeout(second).await;
    let late = late.expect_err("it waits behind the other");
    assert!(late.status().message().contains(ahead), "{late}");
    // The one that has the turn has waited for nothing but itself.
    let holding = holding.await.expect_err("the gate is closed");
    assert!(!holding.status().message().contains("turn"), "{holding}");
    // Its handler is still there, and no other call says why it is late when nothing is ahead.
    cluster.gate.open();
    node.call(request(4))
        .timeout(second)
        .await
        .expect("a reply");
    let late = node.call(wish(5, Wish::Cancelled)).timeout(second).await;
    let late = late.expect_err("it waits for its own deadline");
    assert!(!late.status().message().contains("turn"), "{late}");
}
