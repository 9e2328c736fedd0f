//! Calls that contact some of the nodes first.

use std::collections::HashSet;
use std::time::Duration;

use futures::FutureExt;
use gorums_runtime::calls::Tally;
use gorums_runtime::codegen::{Caller, Correct, CorrectableCall};
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::quorum::Quorums;
use gorums_runtime::{AggregateCall, CallOptions, Correction, NodeId, Thrifty, Transport};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::methods::{Read, Write};
use tests::replica::{Behaviour, Cluster, Gate, arrived};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tokio::time::Instant;
use tonic::{Code, Status};

const MS: Duration = Duration::from_millis(1);

/// Replicas, their majorities, and the service on them.
struct Setup {
    cluster: Cluster,
    caller: Caller<()>,
    majority: Quorums<NodeId>,
}

impl Setup {
    async fn new(
        transport: Transport,
        behaviours: impl IntoIterator<Item = Behaviour, IntoIter: ExactSizeIterator>,
    ) -> Self {
        let behaviours = behaviours.into_iter();
        let replicas = behaviours.len() as u8;
        let cluster = Cluster::start(transport, behaviours);
        let manager = cluster.network.manager(replicas).connect().await;
        let configuration = manager.expect("all up").configuration();
        Self {
            cluster,
            majority: configuration.majority(),
            caller: Caller::new(configuration, ()),
        }
    }

    fn read(&self) -> AggregateCall<Read> {
        AggregateCall::new(&self.caller, ReadRequest {})
    }

    /// The first quorum is that of the nodes with the least ids.
    fn first_nodes(&self) -> Thrifty {
        let ids = self.caller.configuration().node_ids().collect::<Vec<_>>();
        let first = ids[..ids.len() / 2 + 1].to_vec();
        Thrifty::distribution(&self.majority, [(first, 1.0)]).expect("a majority")
    }

    /// The replicas to which requests have come since the last look, in ascending order.
    async fn contacted(&mut self) -> Vec<u8> {
        settle().await;
        let events = self.cluster.past_events();
        let mut replicas: Vec<u8> = events.iter().filter_map(arrived).collect();
        replicas.sort_unstable();
        replicas
    }
}

fn answering<const N: usize>() -> [Behaviour; N] {
    std::array::from_fn(|_| Behaviour::Answer)
}

fn silent() -> Behaviour {
    Behaviour::AnswerAfter(Gate::closed())
}

fn failing(code: Code) -> Behaviour {
    Behaviour::Fail(Status::new(code, "as asked"))
}

#[tokio::test(start_paused = true)]
async fn a_thrifty_call_contacts_one_quorum() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<5>()).await;
        let first = setup.first_nodes();
        let replies = setup
            .read()
            .thrifty(&first)
            .majority()
            .await
            .expect("a majority");
        assert_eq!(replies.len(), 3);
        assert_eq!(setup.contacted().await, [1, 2, 3]);

        let uniform = Thrifty::uniform(&setup.majority);
        let mut asked = HashSet::new();
        for _ in 0..50 {
            let call = setup.read().thrifty(&uniform).quorum_of(&setup.majority);
            call.await.expect("a majority");
            let contacted = setup.contacted().await;
            assert_eq!(contacted.len(), 3);
            asked.extend(contacted);
        }
        assert_eq!(asked.len(), 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_fastest_quorum_is_contacted() {
    on_both(async |transport| {
        let slow = Gate::closed();
        let mut setup = Setup::new(
            transport,
            [
                Behaviour::AnswerAfter(slow.clone()),
                Behaviour::Answer,
                Behaviour::Answer,
            ],
        )
        .await;
        let all = setup.read().all().start();
        tokio::time::sleep(100 * MS).await;
        slow.open();
        all.await.expect("all");
        setup.contacted().await;
        let fastest = Thrifty::fastest(&setup.majority);
        let mut others = 0;
        for _ in 0..100 {
            setup
                .read()
                .thrifty(&fastest)
                .majority()
                .await
                .expect("two");
            others += usize::from(setup.contacted().await != [2, 3]);
        }
        // One call in 64 contacts any quorum.
        assert!(others < 20, "{others} of 100 went to the slow node");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_fails_is_replaced_at_once() {
    on_both(async |transport| {
        let [a, b, c, d] = answering();
        let mut setup = Setup::new(transport, [failing(Code::Internal), a, b, c, d]).await;
        let start = Instant::now();
        let call = setup.read().thrifty(&setup.first_nodes()).majority();
        let replies = call.await.expect("a majority");
        assert_eq!((replies.len(), start.elapsed()), (3, Duration::ZERO));
        assert_eq!(setup.contacted().await, [1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_when_the_nodes_that_are_left_are_no_quorum() {
    on_both(async |transport| {
        let broken = || failing(Code::Internal);
        let mut setup = Setup::new(transport, [broken(), Behaviour::Answer, broken()]).await;
        let call = setup
            .read()
            .thrifty(&setup.first_nodes())
            .quorum_of(&setup.majority);
        let error = call.await.expect_err("one is left");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!((error.replies(), error.errors().len()), (1, 2));
        assert_eq!(setup.contacted().await, [1, 2, 3]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_not_contacted_is_no_error() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, [silent(), silent(), silent()]).await;
        let call = setup.read().thrifty(&setup.first_nodes());
        let error = call.timeout(10 * MS).majority().await.expect_err("silent");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(error.errors().len(), 2);
        assert_eq!(setup.contacted().await, [1, 2]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn all_others_are_contacted_if_the_quorum_does_not_decide() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<5>()).await;
        let call = setup.read().thrifty(&setup.first_nodes());
        assert_eq!(call.all().await.expect("all").len(), 5);
        assert_eq!(setup.contacted().await, [1, 2, 3, 4, 5]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_late_node_is_replaced_after_the_delay_and_its_reply_still_counts() {
    on_both(async |transport| {
        let (gate, other) = (Gate::closed(), Gate::closed());
        let behaviours = [
            Behaviour::Answer,
            Behaviour::AnswerAfter(gate.clone()),
            Behaviour::AnswerAfter(other.clone()),
        ];
        let mut setup = Setup::new(transport, behaviours).await;
        let hedged = setup.first_nodes().hedge_after(20 * MS);
        let call = setup.read().thrifty(&hedged).majority().start();
        tokio::time::sleep(19 * MS).await;
        assert_eq!(setup.contacted().await, [1, 2]);
        assert_eq!(setup.contacted().await, [3]);
        gate.open();
        let replies = call.await.expect("the late node");
        let nodes: Vec<_> = replies.node_ids().collect();
        assert_eq!(nodes, [1, 2].map(Network::id));
        other.open();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_late_node_and_its_replacement_may_reply_at_once() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let late = || Behaviour::AnswerAfter(gate.clone());
        let setup = Setup::new(transport, [Behaviour::Answer, late(), late()]).await;
        let hedged = setup.first_nodes().hedge_after(20 * MS);
        let call = setup.read().thrifty(&hedged).majority().start();
        tokio::time::sleep(30 * MS).await;
        gate.open();
        let replies = call.await.expect("both");
        assert!(
            setup
                .majority
                .is_quorum_of(&replies.node_ids().collect::<Vec<_>>())
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_delay_ends_the_call() {
    on_both(async |transport| {
        let mut setup =
            Setup::new(transport, [Behaviour::Answer, silent(), Behaviour::Answer]).await;
        let hedged = setup.first_nodes().hedge_after(20 * MS);
        let call = setup.read().thrifty(&hedged).timeout(10 * MS);
        let error = call.majority().await.expect_err("late");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(setup.contacted().await, [1, 2]);
        // With the deadline behind it, the replacement answers.
        let call = setup.read().thrifty(&hedged).timeout(30 * MS);
        assert_eq!(call.majority().await.expect("hedged").len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_budget_bounds_hedges_when_all_nodes_are_slow() {
    on_both(async |transport| {
        let mut setup = Setup::new(
            transport,
            [silent(), silent(), silent(), silent(), silent()],
        )
        .await;
        let hedged = setup.first_nodes().hedge_after(MS).hedge_budget(0.25, 2);
        for _ in 0..20 {
            let call = setup.read().thrifty(&hedged).timeout(10 * MS).majority();
            call.await.expect_err("all are slow");
        }
        let extra = setup.contacted().await.len() - 20 * 3;
        // Two tokens were there, and each call brought a quarter of one.
        assert!((5..=7).contains(&extra), "{extra} hedges of 20 calls");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_late_node_is_replaced_once_there_is_a_token_again() {
    on_both(async |transport| {
        let mut setup =
            Setup::new(transport, [Behaviour::Answer, silent(), Behaviour::Answer]).await;
        let hedged = setup
            .first_nodes()
            .hedge_after(10 * MS)
            .hedge_budget(1.0, 1);
        let mut one = setup.read().thrifty(&hedged).majority().start();
        let mut two = setup.read().thrifty(&hedged).majority().start();
        tokio::time::sleep(15 * MS).await;
        let done = [&mut one, &mut two].map(|call| call.now_or_never().is_some());
        assert_eq!(
            done.iter().filter(|done| **done).count(),
            1,
            "there was one token"
        );
        let waiting = if done[0] { two } else { one };
        // The next call brings a token, and needs none itself before the one that waits looks again.
        let next = setup.read().thrifty(&hedged).majority().start();
        waiting.await.expect("replaced at last");
        drop(next);
        setup.contacted().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_are_late_by_the_percentile_of_their_own_replies() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let behaviours = [
            Behaviour::Answer,
            Behaviour::Answer,
            Behaviour::AnswerAfter(gate.clone()),
        ];
        let mut setup = Setup::new(transport, behaviours).await;
        let hedged = setup.first_nodes().hedge_at_percentile(0.9, 50 * MS);
        for _ in 0..100 {
            setup.read().thrifty(&hedged).majority().await.expect("two");
        }
        assert!(!setup.contacted().await.contains(&3));
        setup.cluster.start_replica(2, silent());
        gate.open();
        let start = Instant::now();
        let call = setup.read().thrifty(&hedged).majority();
        call.await.expect("the node that was not contacted before");
        assert!(start.elapsed() < 50 * MS, "{:?}", start.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_is_replaced_after_the_chosen_codes_only() {
    on_both(async |transport| {
        let [a, b] = answering();
        let mut setup = Setup::new(transport, [failing(Code::NotFound), a, b]).await;
        let picky = setup.first_nodes().hedge_on([Code::Unavailable]);
        let call = setup
            .read()
            .thrifty(&picky)
            .quorum(|replies| replies.take_first());
        call.await.expect("node 2");
        assert_eq!(setup.contacted().await, [1, 2]);
        let open = setup
            .first_nodes()
            .hedge_on([Code::Unavailable, Code::NotFound]);
        setup.read().thrifty(&open).majority().await.expect("two");
        assert_eq!(setup.contacted().await, [1, 2, 3]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn skipped_nodes_are_replaced() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<5>()).await;
        let skip = [1, 2].map(Network::id);
        let call =
            AggregateCall::<Read>::per_node(&setup.caller, ReadRequest {}, move |it, node| {
                (!skip.contains(&node)).then_some(*it)
            });
        let replies = call
            .thrifty(&setup.first_nodes())
            .quorum_of(&setup.majority)
            .await;
        assert_eq!(replies.expect("the other three").len(), 3);
        assert_eq!(setup.contacted().await, [3, 4, 5]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_costs_thrifty_calls_nothing_but_its_replacement() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<5>()).await;
        setup.cluster.network.kill(1);
        settle().await;
        for _ in 0..10 {
            let call = setup.read().thrifty(&setup.first_nodes()).timeout(100 * MS);
            call.majority().await.expect("the others");
            assert_eq!(setup.contacted().await, [2, 3, 4]);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_latency_of_a_replacement_counts_from_when_it_was_contacted() {
    on_both(async |transport| {
        let setup = Setup::new(transport, [Behaviour::Answer, silent(), Behaviour::Answer]).await;
        let hedged = setup.first_nodes().hedge_after(500 * MS);
        setup
            .read()
            .thrifty(&hedged)
            .majority()
            .await
            .expect("hedged");
        let replacement = setup
            .caller
            .configuration()
            .node(Network::id(3))
            .expect("node 3");
        assert!(
            replacement.latency() < Some(100 * MS),
            "{:?}",
            replacement.latency()
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn methods_that_are_not_declared_idempotent_are_refused() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<3>()).await;
        let write = AggregateCall::<Write>::new(&setup.caller, state("a", 1));
        let error = write.thrifty(&setup.first_nodes()).majority().await;
        let error = error.expect_err("not declared");
        assert_eq!(error.kind(), QuorumCallErrorKind::NotIdempotent);
        let text = "register.Register/Write: a thrifty call needs a method with `option idempotency_level = NO_SIDE_EFFECTS` or `IDEMPOTENT` in its proto (replies: 0, errors: 0)";
        assert_eq!(error.to_string(), text);
        assert_eq!(setup.contacted().await, []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn generated_quorum_calls_are_thrifty_by_the_options_of_their_handle() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<3>()).await;
        let register = setup.cluster.register(3, Count(2)).await;
        let thrifty = register.with_options(CallOptions::new().thrifty(&setup.first_nodes()));
        thrifty.read(ReadRequest {}).await.expect("two");
        assert_eq!(setup.contacted().await, [1, 2]);
        register
            .read(ReadRequest {})
            .thrifty(&setup.first_nodes())
            .await
            .expect("two");
        assert_eq!(setup.contacted().await, [1, 2]);
        let error = thrifty
            .write(state("a", 1))
            .await
            .expect_err("not declared");
        assert_eq!(error.kind(), QuorumCallErrorKind::NotIdempotent);
    })
    .await;
}

/// Decides correctables by majorities.
struct Majority;

impl Correct<Majority> for Read {
    type Output = usize;

    fn correct(tally: Tally<'_, Self, Majority>) -> Option<Correction<usize>> {
        let replies = tally.replies.len();
        Some(match tally.replies.is_majority() {
            true => Correction::last(replies, replies as i32),
            false => Correction::preliminary(replies, replies as i32),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn correctables_are_thrifty_by_their_options() {
    on_both(async |transport| {
        let mut setup = Setup::new(transport, answering::<5>()).await;
        let options = CallOptions::new().thrifty(&setup.first_nodes());
        let caller = Caller::new(setup.caller.configuration(), Majority).with_options(options);
        let call = CorrectableCall::<Read, _>::new(&caller, ReadRequest {}).start();
        assert_eq!(*call.done().await.expect("a majority").0, 3);
        assert_eq!(setup.contacted().await, [1, 2, 3]);
    })
    .await;
}

#[test]
fn late_nodes_are_replaced_after_the_runtime_ended_on_which_a_call_began() {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    let (of_manager, first, second) = (runtime(), runtime(), runtime());
    let setup = of_manager.block_on(async {
        let behaviours = [Behaviour::Answer, silent(), Behaviour::Answer];
        Setup::new(Transport::NodeStream, behaviours).await
    });
    let hedged = setup.first_nodes().hedge_after(50 * MS);
    let call = setup.read().thrifty(&hedged).majority().into_future();
    let mut call = Box::pin(call);
    // It sets its alarm on the first runtime.
    let begun = first.block_on(async { (&mut call).now_or_never().is_none() });
    assert!(begun);
    drop(first);
    let replies = second.block_on(tests::soon("a replacement", call));
    assert_eq!(replies.expect("two replies").len(), 2);
}
