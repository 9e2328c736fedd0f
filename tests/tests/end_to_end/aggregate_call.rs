//! Quorum calls whose caller chooses how to aggregate the replies.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::codegen::Caller;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::{AggregateCall, AsyncCall};
use tests::network::Network;
use tests::register::register_gorums::methods::{Read, Write};
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

fn read(caller: &Caller<()>) -> AggregateCall<Read> {
    AggregateCall::new(caller, ReadRequest {})
}

fn write(caller: &Caller<()>, state: State) -> AggregateCall<Write> {
    AggregateCall::new(caller, state)
}

fn broken() -> Behaviour {
    Behaviour::Fail(Status::internal("broken"))
}

#[tokio::test(start_paused = true)]
async fn a_majority_gives_all_its_replies_to_choose_from() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 5);
        let caller = caller(&cluster, 5).await;
        write(&caller, state("new", 1)).all().await.expect("all");
        let mut replies = read(&caller).majority().await.expect("a majority");
        assert_eq!(replies.len(), 3);
        let newest = replies.take_max_by_key(|state| state.timestamp);
        assert_eq!(newest, Some(state("new", 1)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_majority_of_an_even_number_is_more_than_half() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            [Behaviour::Answer, Behaviour::Answer, broken(), broken()],
        );
        let caller = caller(&cluster, 4).await;
        let error = read(&caller).majority().await.expect_err("half");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(read(&caller).threshold(2).await.expect("half").len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn first_takes_one_successful_reply() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [broken(), broken(), Behaviour::Answer]);
        let caller = caller(&cluster, 3).await;
        assert_eq!(read(&caller).first().await.expect("one"), State::default());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_function_of_the_caller_decides() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let nodes = read(&caller)
            .quorum(|replies| (replies.len() == 2).then(|| replies.node_ids().collect::<Vec<_>>()));
        assert_eq!(nodes.await.expect("two").len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_as_soon_as_its_threshold_is_out_of_reach() {
    on_both(async |transport| {
        let silent = Behaviour::AnswerAfter(Gate::closed());
        let mut cluster = Cluster::start(transport, [broken(), broken(), silent]);
        let caller = caller(&cluster, 3).await;
        let start = Instant::now();
        let error = read(&caller).majority().await.expect_err("one is left");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!((error.replies(), error.errors().len()), (0, 2));
        let error = read(&caller).all().await.expect_err("one has failed");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(start.elapsed(), Duration::ZERO);

        settle().await;
        cluster.past_events();
        let error = read(&caller).threshold(4).await.expect_err("three nodes");
        assert_eq!((error.replies(), error.errors().len()), (0, 0));
        settle().await;
        assert_eq!(cluster.past_events(), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_threshold_of_none_is_one() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        assert_eq!(read(&caller).threshold(0).await.expect("one").len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_skipped_node_is_none_of_all_and_no_success() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let call = |asked: &'static [u8]| {
            AggregateCall::<Write>::per_node(&caller, state("new", 1), move |state, node| {
                let asked = asked.iter().any(|number| Network::id(*number) == node);
                asked.then(|| state.clone())
            })
        };
        assert_eq!(call(&[1, 3]).all().await.expect("both").len(), 2);
        assert_eq!(call(&[1, 3]).majority().await.expect("both").len(), 2);
        let error = call(&[1]).majority().await.expect_err("one of three");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        let error = call(&[]).all().await.expect_err("nobody was asked");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn responses_are_each_nodes_reply_or_error_once() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [Behaviour::Answer, broken(), Behaviour::Answer]);
        let caller = caller(&cluster, 4).await;
        let mut responses: Vec<_> = read(&caller).responses().collect().await;
        responses.sort_by_key(|(node, _)| *node);
        let codes: Vec<_> = responses
            .iter()
            .map(|(node, outcome)| (node.get(), outcome.as_ref().err().map(|error| error.code())))
            .collect();
        assert_eq!(
            codes,
            [
                (1, None),
                (2, Some(Code::Internal)),
                (3, None),
                (4, Some(Code::Unavailable)),
            ]
        );
        let replies: Vec<_> = read(&caller).responses().ignore_errors().collect().await;
        assert_eq!(replies.len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_nodes_that_have_not_answered_fail_and_responses_end() {
    on_both(async |transport| {
        let silent = Behaviour::AnswerAfter(Gate::closed());
        let cluster = Cluster::start(transport, [Behaviour::Answer, silent.clone(), silent]);
        let caller = caller(&cluster, 3).await;
        let call = read(&caller).timeout(Duration::from_millis(50));
        let responses: Vec<_> = call.responses().collect().await;
        assert_eq!(responses.len(), 3);
        assert!(responses[0].1.is_ok());
        for (_, outcome) in &responses[1..] {
            let error = outcome.as_ref().expect_err("late");
            assert_eq!(error.code(), Code::DeadlineExceeded);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_per_node_function_fails_every_node_of_responses_and_sends_nothing() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let call = AggregateCall::<Write>::per_node(&caller, state("v", 1), |state, node| {
            assert_ne!(node, Network::id(2), "no request for it");
            Some(state.clone())
        });
        let responses: Vec<_> = call.responses().collect().await;
        assert_eq!(responses.len(), 3);
        for (_, outcome) in responses {
            let error = outcome.expect_err("a panic");
            assert_eq!(error.code(), Code::Internal);
            assert!(error.to_string().contains("no request for it"), "{error}");
        }
        settle().await;
        assert_eq!(cluster.past_events(), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn responses_that_are_dropped_are_withdrawn_and_collected_ones_go_on() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let silent = Behaviour::AnswerAfter(gate.clone());
        let mut cluster = Cluster::start(transport, [Behaviour::Answer, silent]);
        let caller = caller(&cluster, 2).await;
        let mut responses = write(&caller, state("dropped", 1)).responses();
        assert!(responses.next().await.is_some());
        cluster.wait_for(&[2], arrived).await;
        drop(responses);
        cluster.wait_for(&[2], cancelled).await;

        let collected = write(&caller, state("collected", 2)).responses();
        assert_eq!(collected.collect_n(1).await.len(), 1);
        let collected = write(&caller, state("collected", 3)).responses();
        assert_eq!(collected.ignore_errors().collect_n(1).await.len(), 1);
        settle().await;
        gate.open();
        for _ in 0..2 {
            cluster.wait_for(&[2], handled).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_async_call_is_sent_once_it_is_told_how_to_aggregate() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let caller = caller(&cluster, 3).await;
        let call = AsyncCall::<Write>::new(&caller, state("new", 1));
        let call = call.timeout(Duration::from_secs(1));
        settle().await;
        assert_eq!(cluster.past_events(), []);
        let handle = call.majority();
        cluster.wait_for(&[1, 2, 3], handled).await;
        assert_eq!(handle.await.expect("a majority").len(), 2);

        let read = || AsyncCall::<Read>::new(&caller, ReadRequest {});
        assert_eq!(read().first().await.expect("one"), state("new", 1));
        assert_eq!(read().all().await.expect("all").len(), 3);
        assert_eq!(read().threshold(2).await.expect("two").len(), 2);
        let latest = read().quorum(|replies| replies.take_latest());
        assert_eq!(latest.await.expect("one"), state("new", 1));
    })
    .await;
}
