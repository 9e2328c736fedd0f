//! Calls to three nodes, one of which answers anything.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use gorums_runtime::errors::{QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::server::StreamLimits;
use gorums_runtime::{CallOptions, Manager, NodeId, Replies, Transport};
use tests::network::Network;
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode};
use tests::numbered::{Reply, Request};
use tests::spec::Count;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, sleep};

use crate::hostile::Hostile;
use crate::input::Input;
use crate::panics;
use crate::replica::Replica;

/// The largest input.
const MOST: usize = 4 * 1024;
/// The largest number of calls.
const MOST_CALLS: usize = 12;
/// How long after its deadline a call may end: timers are exact to a millisecond.
const LATE: Duration = Duration::from_millis(5);
const HOSTILE: u32 = 1;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The first bytes choose the transport and the calls; the rest is the program of the hostile node.
pub fn run(data: &[u8]) {
    if data.len() > MOST {
        return;
    }
    panics::none_but(
        |_, _| false,
        || {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(session(&mut Input::new(data)));
        },
    );
}

async fn session(input: &mut Input<'_>) {
    let options = input.byte();
    let beginning = input.byte();
    let calls: Vec<_> = (0..=input.below(MOST_CALLS))
        .map(|_| (input.byte(), input.byte()))
        .collect();
    let transport = match options & 1 {
        0 => Transport::NodeStream,
        _ => Transport::Grpc,
    };
    let network = Network::new(transport);
    let hostile = Hostile::new(beginning, input.rest());
    network.serve(1, hostile.router());
    for number in [2, 3] {
        network.serve(number, Replica::new().router(StreamLimits::default()));
    }
    let builder = network.manager(3).reply_limit(16, 4096);
    let builder = match options & 2 {
        0 => builder,
        _ => builder.stream_keep_alive(None),
    };
    let manager = builder.connect_lazy().await.expect("a manager");
    let mut errors = manager.node_errors();
    let client = Client {
        numbered: NumberedConfiguration::new(manager.configuration()).with_spec(Count(2)),
        hostile,
    };
    let calls = (1..)
        .zip(calls)
        .map(|(number, (kind, time))| client.call(number, kind, time));
    match options & 4 {
        0 => drop(join_all(calls).await),
        _ => {
            for call in calls {
                call.await;
            }
        }
    }
    assert_eq!(manager.calls_in_flight(), 0, "calls are left");
    while let Some(Some(error)) = errors.next().now_or_never() {
        assert_eq!(error.node_id().get(), HOSTILE, "{error}");
    }
    drop((client, errors));
    end(manager, &network).await;
}

/// Checks that nothing is left once the manager is dropped.
async fn end(manager: Manager, network: &Network) {
    drop(manager);
    sleep(HOUR).await;
    for number in 1..=3 {
        network.kill(number);
    }
    sleep(HOUR).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks, 0, "tasks are left");
}

struct Client {
    numbered: NumberedConfiguration<Count>,
    hostile: Hostile,
}

impl Client {
    /// Makes a call that ends by its deadline.
    async fn call(&self, number: u64, kind: u8, time: u8) {
        let timeout = Duration::from_millis(100 * (1 + u64::from(time & 0x3f)));
        sleep(Duration::from_millis(u64::from(time >> 6))).await;
        let begin = Instant::now();
        self.make(number, kind, timeout).await;
        let elapsed = begin.elapsed();
        assert!(
            elapsed <= timeout + LATE,
            "call {kind} takes {elapsed:?}, and may {timeout:?}"
        );
    }

    async fn make(&self, number: u64, kind: u8, timeout: Duration) {
        let numbered = &self.numbered;
        let options = CallOptions::new().timeout(timeout);
        let request = Request {
            number,
            size: 1,
            ..Request::default()
        };
        match kind % 16 {
            0 => {
                let reply = self.node(1).call(request).timeout(timeout).await;
                let _ = reply.map(|reply| self.hostile.check(&reply, number));
            }
            1 => {
                let call = self.node(1).concurrent_call(request);
                let reply = call.timeout(timeout).await;
                let _ = reply.map(|reply| self.hostile.check(&reply, number));
            }
            2 => drop(self.node(1).with_options(options).unicast(request).await),
            3 => drop(numbered.with_options(options).multicast(request).await),
            4 => {
                let numbered = numbered.with_options(options);
                drop(numbered.multicast_stream(request).await);
            }
            5 => {
                let reply = numbered.quorum(request).timeout(timeout).await;
                self.hostile.check(&reply.expect("two are honest"), number);
            }
            6 => {
                let replies = numbered.aggregate(request).timeout(timeout).majority();
                self.check(&replies.await.expect("two are honest"), number, 2);
            }
            7 => {
                let replies = numbered.r#async(request).timeout(timeout).threshold(2);
                self.check(&replies.await.expect("two are honest"), number, 2);
            }
            8 => {
                let replies = numbered.watch(request).timeout(timeout).majority();
                self.check(&replies.await.expect("two are honest"), number, 2);
            }
            9 => {
                let replies = numbered.watch(request).timeout(timeout).all();
                self.check_all(replies.await, number);
            }
            10 => {
                let correctable = numbered.watch(request).timeout(timeout).correctable(2);
                let (reply, level) = correctable.done().await.expect("two are honest");
                assert_eq!(level, 2);
                self.hostile.check(&reply, number);
            }
            11 => {
                let responses = numbered.watch(request).timeout(timeout).responses();
                let responses = responses.collect_n(usize::MAX).await;
                let mut failed = HashSet::new();
                for (node, outcome) in responses {
                    assert!(!failed.contains(&node), "{node} goes on after its end");
                    match outcome {
                        Ok(reply) => self.check_reply(node, &reply, number),
                        Err(_) => drop(failed.insert(node)),
                    }
                }
            }
            12 => {
                let reply = self.node(2).call(request).timeout(timeout).await;
                assert_eq!(reply.expect("it is honest").number, number);
            }
            13 => {
                let replies = numbered.aggregate(request).timeout(timeout).all();
                self.check_all(replies.await, number);
            }
            14 => {
                let replies = numbered.watch(request).cancel_rest().timeout(timeout);
                self.check_all(replies.threshold(3).await, number);
            }
            _ => {
                let replies = numbered.aggregate(request).cancel_rest().timeout(timeout);
                let reply = replies.first().await.expect("two are honest");
                self.hostile.check(&reply, number);
            }
        }
    }

    fn node(&self, id: u32) -> NumberedNode {
        self.numbered.node(NodeId::new(id)).expect("a node")
    }

    fn check_all(&self, outcome: Result<Replies<Reply>, QuorumCallError>, number: u64) {
        match outcome {
            Ok(replies) => self.check(&replies, number, 3),
            Err(error) => {
                let mut failed = HashSet::new();
                for error in error.errors() {
                    assert_eq!(error.node_id().get(), HOSTILE, "{error}");
                    assert!(failed.insert(error.node_id()), "a node fails twice");
                }
                // The hostile node may end a stream of replies without a reply and without an error.
                let is_ended = error.kind() == QuorumCallErrorKind::Incomplete;
                assert!(!failed.is_empty() || is_ended, "{error}");
            }
        }
    }

    /// Checks that the replies are to the request with this number, from at least this many nodes.
    fn check(&self, replies: &Replies<Reply>, number: u64, nodes: usize) {
        let distinct: HashSet<_> = replies.node_ids().collect();
        assert_eq!(distinct.len(), replies.distinct_nodes());
        assert!(distinct.len() >= nodes, "{distinct:?} are no {nodes} nodes");
        for (node, reply) in replies.iter() {
            self.check_reply(node, reply, number);
        }
    }

    fn check_reply(&self, node: NodeId, reply: &Reply, number: u64) {
        match node.get() {
            HOSTILE => self.hostile.check(reply, number),
            _ => assert_eq!(reply.number, number, "{node} is honest"),
        }
    }
}
