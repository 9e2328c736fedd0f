//! Calls on node streams leave nothing behind, however they end.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::{Manager, NodeId};
use peak_alloc::PeakAlloc;
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode};
use tests::numbered::{Request, Wish};
use tests::numbered_replica::{Cluster, request, wish};
use tests::settle;
use tests::spec::Count;
use tokio::task::yield_now;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Two nodes that answer, and three that are silent, dead and black-holed.
struct Calls {
    manager: Manager,
    numbered: NumberedConfiguration<Count>,
    bad: Vec<NumberedNode>,
}

impl Calls {
    async fn new(cluster: &Cluster) -> Self {
        cluster.network.silence(3);
        cluster.network.kill(4);
        cluster.network.stick(5);
        let builder = cluster.network.manager(5).queue_limit(256, 1024 * 1024);
        // Stragglers of the nodes that never answer are kept, and soon reach the limit.
        let manager = builder
            .straggler_limit(256)
            .connect_lazy()
            .await
            .expect("a manager");
        let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(2));
        let node = |id| numbered.node(NodeId::new(id)).expect("a node");
        Self {
            bad: [3, 4, 5].map(node).to_vec(),
            numbered,
            manager,
        }
    }

    /// Makes a call, and drops it in one of its states.
    async fn make(&self, number: u64) {
        let numbered = &self.numbered;
        let pending = wish(number, Wish::Cancelled);
        // Most calls are never awaited, because those are cheap.
        let state = match number % 8 {
            0 => number / 8 % 12,
            _ => number % 3,
        };
        match state {
            // Never polled.
            0 => drop(numbered.quorum(request(number)).into_future()),
            // Polled once.
            1 => assert!(
                numbered
                    .quorum(pending)
                    .into_future()
                    .now_or_never()
                    .is_none()
            ),
            // Started.
            2 => drop(numbered.quorum(pending).start()),
            // Sent, at least to some nodes.
            3 => {
                let handle = numbered.r#async(pending).all();
                yield_now().await;
                drop(handle);
            }
            // With one reply.
            4 => {
                let mut responses = numbered.aggregate(request(number)).responses();
                responses.next().await.expect("a response").1.ok();
            }
            // Decided.
            5 => drop(numbered.quorum(request(number)).await.expect("two answer")),
            // At its deadline.
            6 => {
                let call = numbered.quorum(pending).timeout(MILLISECOND);
                call.await.expect_err("nobody answers");
            }
            // On a node that does not answer.
            7 => {
                for node in &self.bad {
                    let call = node.call(request(number)).timeout(MILLISECOND);
                    call.await.expect_err("nobody answers");
                }
            }
            // With replies of several.
            8 => {
                let many = Request {
                    size: 10,
                    ..pending
                };
                let mut responses = numbered.watch(many).responses();
                for _ in 0..5 {
                    responses.next().await.expect("a response").1.ok();
                }
            }
            // With all replies unread.
            9 => {
                let many = Request {
                    size: 10,
                    ..request(number)
                };
                let mut responses = numbered.watch(many).responses();
                let _error = responses.next().now_or_never();
                settle().await;
            }
            // Let go.
            10 => {
                let call = numbered.aggregate(request(number)).responses();
                call.collect_n(1).await;
            }
            // One-way, and waiting for room at the node that does not read.
            _ => {
                drop(numbered.multicast(request(number)));
                numbered.multicast(request(number)).detach();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_calls_that_are_dropped_in_all_states_leave_nothing() {
    const CALLS: u64 = 100_000;
    let mut cluster = Cluster::start(2);
    let calls = Calls::new(&cluster).await;
    let mut memory = 0;
    for number in 0..CALLS {
        calls.make(number).await;
        if number % 1000 == 0 {
            settle().await;
            assert_eq!(calls.manager.calls_in_flight(), 0, "after {number} calls");
            cluster.past_events();
        }
        // By then, reusable memory has been allocated, and the work at the bad nodes has reached its limits.
        if number == CALLS / 2 {
            memory = MEMORY.current_usage();
        }
    }
    settle().await;
    cluster.past_events();
    let grown = MEMORY.current_usage().saturating_sub(memory);
    assert!(
        grown < 512 * 1024,
        "{grown} bytes are left of {CALLS} calls"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_in_flight_until_it_ends() {
    let cluster = Cluster::start(3);
    let manager = cluster.network.manager(3).connect_lazy().await;
    let manager = manager.expect("a manager");
    let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(3));
    let never_polled = numbered.quorum(request(1)).into_future();
    assert_eq!(manager.calls_in_flight(), 0);
    let withdrawn = numbered.quorum(wish(2, Wish::Wait)).start();
    let decided = numbered.quorum(wish(3, Wish::Wait)).start();
    settle().await;
    assert_eq!(manager.calls_in_flight(), 2);
    drop(withdrawn);
    settle().await;
    assert_eq!(manager.calls_in_flight(), 1);
    cluster.gate.open();
    decided.await.expect("all answer");
    assert_eq!(manager.calls_in_flight(), 0);
    drop(never_polled);
}
