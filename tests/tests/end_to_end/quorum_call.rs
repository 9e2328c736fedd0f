//! How a quorum call is decided, and how it ends when it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use gorums_runtime::Replies;
use gorums_runtime::errors::QuorumCallErrorKind;
use tests::network::Network;
use tests::on_both;
use tests::register::register_gorums::{RegisterConfiguration, RegisterQuorumSpec};
use tests::register::{AgreedState, ReadRequest, State, WriteResponse};
use tests::replica::{Behaviour, Cluster, Gate, arrived, handled};
use tests::spec::{Count, state};
use tonic::{Code, Status};

#[tokio::test(start_paused = true)]
async fn what_a_quorum_wrote_a_quorum_reads_with_one_three_and_nine_nodes() {
    on_both(async |transport| {
        for nodes in [1, 3, 9] {
            let cluster = Cluster::answering(transport, nodes);
            let register = cluster
                .register(nodes, Count(usize::from(nodes) / 2 + 1))
                .await;
            let written = register.write(state("new", 1)).await.expect("a quorum");
            assert!(written.new);
            let read = register.read(ReadRequest {}).await.expect("a quorum");
            assert_eq!(read, state("new", 1));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_decided_without_the_slowest_node_which_still_handles_it() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::AnswerAfter(gate.clone()),
                Behaviour::Answer,
            ],
        );
        let register = cluster.register(3, Count(2)).await;
        let decided = register
            .write(state("new", 1))
            .with_node_ids()
            .await
            .expect("a quorum");
        let mut nodes = decided.node_ids;
        nodes.sort();
        assert_eq!(nodes, [Network::id(1), Network::id(3)]);

        gate.open();
        cluster.wait_for(&[2], handled).await;
        let read = register.node(Network::id(2)).expect("a node");
        let read = read.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(read, state("new", 1));
    })
    .await;
}

/// Records what its quorum function is called with.
struct Recorder(AtomicUsize);

impl RegisterQuorumSpec for Recorder {
    fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        let calls = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        assert_eq!(replies.len(), calls, "one more reply at each call");
        assert_eq!(
            replies.node_ids().last(),
            replies.latest().map(|(node, _)| node)
        );
        None
    }

    fn write_qf(&self, _: &State, _: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        None
    }

    fn write_per_node_qf(&self, _: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        None
    }

    fn read_agreed_qf(&self, _: &mut Replies<State>) -> Option<AgreedState> {
        None
    }

    fn read_for_write_qf(&self, _: &ReadRequest, _: &mut Replies<State>) -> Option<AgreedState> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn the_quorum_function_runs_after_each_successful_reply_and_a_call_that_it_never_decides_is_incomplete()
 {
    on_both(async |transport| {
        let mut behaviours = vec![Behaviour::Answer; 4];
        behaviours.push(Behaviour::Fail(Status::not_found("no such key")));
        let cluster = Cluster::start(transport, behaviours);
        let register = cluster.register(5, Recorder(AtomicUsize::new(0))).await;
        let error = register.read(ReadRequest {}).await.expect_err("undecided");
        assert_eq!(register.spec().0.load(Ordering::SeqCst), 4);
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.replies(), 4);
        let [failed] = error.errors() else {
            panic!("one node failed: {error}");
        };
        assert_eq!(failed.node_id(), Network::id(5));
        assert_eq!(failed.code(), Code::NotFound);
        assert_eq!(
            error.to_string(),
            "register.Register/Read: incomplete call (replies: 4, errors: 1): \
         node 5 (10.0.0.5:4000): NotFound: no such key"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_quorum_function_sees_the_request() {
    on_both(async |transport| {
        /// Decides on the first reply if the request says so.
        struct Obedient;

        impl RegisterQuorumSpec for Obedient {
            fn read_qf(&self, _: &mut Replies<State>) -> Option<State> {
                None
            }

            fn write_qf(
                &self,
                request: &State,
                replies: &mut Replies<WriteResponse>,
            ) -> Option<WriteResponse> {
                (request.value == "decide").then(|| replies.take_first())?
            }

            fn write_per_node_qf(&self, _: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
                None
            }

            fn read_agreed_qf(&self, _: &mut Replies<State>) -> Option<AgreedState> {
                None
            }

            fn read_for_write_qf(
                &self,
                _: &ReadRequest,
                _: &mut Replies<State>,
            ) -> Option<AgreedState> {
                None
            }
        }

        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Obedient).await;
        assert!(register.write(state("decide", 1)).await.is_ok());
        assert!(register.write(state("wait", 2)).await.is_err());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_configuration_do_not_wait_for_each_other() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::AnswerAfter(gate.clone()),
                Behaviour::Answer,
                Behaviour::Answer,
            ],
        );
        let all = cluster.register(3, Count(3)).await;
        let majority = RegisterConfiguration::new(all.configuration().clone()).with_spec(Count(2));
        let slow = tokio::spawn(all.read(ReadRequest {}).into_future());
        cluster.wait_for(&[1], arrived).await;
        majority.write(state("new", 1)).await.expect("a quorum");
        assert!(!slow.is_finished());
        gate.open();
        slow.await.expect("no panic").expect("all nodes");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_of_two_specs_on_one_configuration_decides_its_own_calls() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::Fail(Status::internal("broken")),
                Behaviour::Answer,
            ],
        );
        let all = cluster.register(3, Count(3)).await;
        let majority = RegisterConfiguration::new(all.configuration().clone()).with_spec(Count(2));
        assert_eq!(all.configuration(), majority.configuration());
        assert!(all.read(ReadRequest {}).await.is_err());
        assert!(majority.read(ReadRequest {}).await.is_ok());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_quorum_function_fails_its_call_only() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let good = register.write(state("good", 1));
        let bad = register.write(state("panic", 2));
        let (good, bad) = tokio::join!(good.into_future(), bad.into_future());
        assert!(good.is_ok());
        let error = bad.expect_err("a panic");
        assert_eq!(error.kind(), QuorumCallErrorKind::Panicked, "{error}");
        let message = error.panic_message().expect("it panicked");
        assert!(message.contains("asked to panic"), "{message}");
        assert!(register.read(ReadRequest {}).await.is_ok());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_spawned_stored_and_joined() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = Arc::new(cluster.register(3, Count(2)).await);
        let stored: Vec<_> = (1..=50)
            .map(|timestamp| register.write(state("value", timestamp)))
            .collect();
        let spawned = stored
            .into_iter()
            .map(|call| tokio::spawn(call.into_future()));
        for outcome in join_all(spawned).await {
            outcome.expect("no panic").expect("a quorum");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_polled_sends_nothing() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let unpolled = register.write(state("unpolled", 1)).into_future();
        let read = register.read(ReadRequest {}).await.expect("a quorum");
        assert_eq!(read, State::default());
        cluster.wait_for(&[1, 2, 3], handled).await;
        drop(unpolled);
        register.read(ReadRequest {}).await.expect("a quorum");
        cluster.wait_for(&[1, 2, 3], handled).await;
        assert_eq!(cluster.past_events(), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn closing_the_manager_ends_calls_that_are_under_way_and_later_ones() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let manager = cluster.network.manager(3).connect().await.expect("up");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(2));
        let call = tokio::spawn(register.read(ReadRequest {}).into_future());
        cluster.wait_for(&[1, 2, 3], arrived).await;
        manager.close();
        manager.close();
        let error = call.await.expect("no panic").expect_err("closed");
        assert_eq!(error.kind(), QuorumCallErrorKind::Closed);
        let error = register.read(ReadRequest {}).await.expect_err("closed");
        assert_eq!(error.kind(), QuorumCallErrorKind::Closed);
        let node = register.node(Network::id(1)).expect("a node");
        let error = node.read_no_qc(ReadRequest {}).await.expect_err("closed");
        assert_eq!(error.code(), Code::Unavailable);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_quorum_function_may_return_another_message_than_the_replies() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(3)).await;
        register.write(state("new", 1)).await.expect("all");
        let agreed = register.read_agreed(ReadRequest {}).await.expect("all");
        assert_eq!(agreed.nodes, 3);
        assert_eq!(agreed.state, Some(state("new", 1)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_can_pass_the_error_of_its_own_quorum_call_on_as_a_status() {
    on_both(async |transport| {
        let broken = Behaviour::Fail(Status::not_found("no such key"));
        let cluster = Cluster::start(transport, [broken, Behaviour::AnswerAfter(Gate::closed())]);
        let both = cluster.register(2, Count(2)).await;
        let late = both.read(ReadRequest {}).timeout(Duration::from_secs(1));
        let late = Status::from(late.await.expect_err("one never answers"));
        assert_eq!(late.code(), Code::DeadlineExceeded);
        let first = both.configuration().first(1).expect("a node");
        let incomplete = RegisterConfiguration::new(first)
            .with_spec(Count(1))
            .read(ReadRequest {});
        let incomplete = Status::from(incomplete.await.expect_err("it is broken"));
        assert_eq!(incomplete.code(), Code::Unavailable);
        assert!(incomplete.message().contains("no such key"), "{incomplete}");
    })
    .await;
}
