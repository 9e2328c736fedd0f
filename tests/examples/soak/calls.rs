//! Calls of all types, and the checks on each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::StreamExt;
use gorums_runtime::errors::QuorumCallError;
use gorums_runtime::{CallOptions, Manager, NodeId, Replies};
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode, NumberedQuorumSpec};
use tests::numbered::{Reply, Request};

use crate::record::Failure;
use crate::suspects::MOST;
use crate::world::World;

/// The size of a majority.
const MAJORITY: usize = MOST + 1;

/// A call with this timeout and a majority of good nodes must succeed.
const AMPLE: Duration = Duration::from_secs(5);

/// Whether calls have deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadlines {
    Always,
    Never,
}

/// Decides by the number that a majority of the nodes agree on.
struct Agreement;

impl NumberedQuorumSpec for Agreement {
    fn quorum_qf(&self, replies: &mut Replies<Reply>) -> Option<Reply> {
        agreed(replies)
    }
}

fn agreed(replies: &mut Replies<Reply>) -> Option<Reply> {
    let mut nodes: HashMap<u64, HashSet<NodeId>> = HashMap::new();
    for (node, reply) in replies.iter() {
        nodes.entry(reply.number).or_default().insert(node);
    }
    let mut numbers = nodes.into_iter();
    let (number, _) = numbers.find(|(_, nodes)| nodes.len() >= MAJORITY)?;
    Some(Reply {
        number,
        padding: Vec::new(),
    })
}

/// Makes calls with one of the managers, one after the other.
pub(crate) async fn run(world: Arc<World>, manager: usize, deadlines: Deadlines, mut rng: Rng) {
    loop {
        world.resumed().await;
        one(&world, &world.managers[manager], deadlines, true, &mut rng).await;
        tokio::time::sleep(Duration::from_millis(rng.u64(0..5))).await;
    }
}

/// The types of calls.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Call,
    ConcurrentCall,
    Quorum,
    QuorumStarted,
    First,
    Majority,
    Threshold,
    All,
    Decided,
    Responses,
    Async,
    Correctable,
    Watch,
    WatchResponses,
    Unicast,
    Multicast,
    MulticastStream,
}

const KINDS: [Kind; 17] = [
    Kind::Call,
    Kind::ConcurrentCall,
    Kind::Quorum,
    Kind::QuorumStarted,
    Kind::First,
    Kind::Majority,
    Kind::Threshold,
    Kind::All,
    Kind::Decided,
    Kind::Responses,
    Kind::Async,
    Kind::Correctable,
    Kind::Watch,
    Kind::WatchResponses,
    Kind::Unicast,
    Kind::Multicast,
    Kind::MulticastStream,
];

/// One call of any type. If it is `judged`, it must succeed where good nodes suffice.
pub(crate) async fn one(
    world: &World,
    manager: &Manager,
    deadlines: Deadlines,
    judged: bool,
    rng: &mut Rng,
) {
    let kind = KINDS[rng.usize(..KINDS.len())];
    let timeout = match deadlines {
        Deadlines::Never => None,
        Deadlines::Always if rng.u8(..4) == 0 => Some(Duration::from_millis(rng.u64(1..100))),
        Deadlines::Always => Some(AMPLE + Duration::from_millis(rng.u64(0..3000))),
    };
    let patience = (rng.u8(..10) == 0).then(|| Duration::from_millis(rng.u64(0..30)));
    let attempt = world.record.attempt();
    let ample = timeout.is_none_or(|timeout| timeout >= AMPLE);
    let call = Call {
        world,
        kind,
        start: attempt.start,
        number: world.number(),
        judged: judged && ample,
    };
    let mut options = CallOptions::new();
    if let Some(timeout) = timeout {
        options = options.timeout(timeout);
    }
    if rng.u8(..4) == 0 {
        options = options.cancel_rest();
    }
    let outcome = match patience {
        None => call.make(manager, options, rng).await,
        Some(patience) => tokio::time::timeout(patience, call.make(manager, options, rng))
            .await
            .unwrap_or(Err(Failure::Dropped)),
    };
    attempt.end(&call.name(), timeout).await;
    if let Err(failure) = outcome {
        world.record.failure(failure);
    }
}

/// A call of a type.
struct Call<'a> {
    world: &'a World,
    kind: Kind,
    start: Instant,
    number: u64,
    judged: bool,
}

impl Call<'_> {
    async fn make(
        &self,
        manager: &Manager,
        options: CallOptions,
        rng: &mut Rng,
    ) -> Result<(), Failure> {
        let configuration = manager.configuration();
        let nodes: Vec<NodeId> = configuration.node_ids().collect();
        // With nodes removed, it may be fewer than all nodes.
        let majority = nodes.len() / 2 + 1;
        let numbered = NumberedConfiguration::new(configuration)
            .with_spec(Agreement)
            .with_options(options);
        let chosen = nodes[rng.usize(..nodes.len())];
        let node = || numbered.node(chosen);
        let request = Request {
            number: self.number,
            size: self.size(),
            ..Request::default()
        };
        match self.kind {
            Kind::Call => {
                self.on_node(node, |node| node.call(request).into_future())
                    .await
            }
            Kind::ConcurrentCall => {
                self.on_node(node, |node| node.concurrent_call(request).into_future())
                    .await
            }
            Kind::Quorum => {
                let decided = numbered.quorum(request).with_node_ids().await;
                let decided = decided.map(|decided| {
                    self.distinct(decided.node_ids);
                    decided.value
                });
                self.agreement(decided)
            }
            Kind::QuorumStarted => self.agreement(numbered.quorum(request).start().await),
            Kind::Decided => self.agreement(numbered.aggregate(request).quorum(agreed).await),
            Kind::First => match numbered.aggregate(request).first().await {
                Ok(_) => Ok(()),
                Err(error) => self.failed(&error),
            },
            Kind::Majority => self.replied(majority, numbered.aggregate(request).majority().await),
            Kind::Threshold => self.replied(
                MAJORITY,
                numbered.aggregate(request).threshold(MAJORITY).await,
            ),
            Kind::Async => self.replied(majority, numbered.r#async(request).majority().await),
            Kind::Watch => self.replied(majority, numbered.watch(request).majority().await),
            Kind::All => {
                let replies = numbered.aggregate(request).all().await;
                let replies = replies.map_err(|error| Failure::from(&error))?;
                self.honest(&replies);
                Ok(())
            }
            Kind::Responses => {
                let mut responses = numbered.aggregate(request).responses();
                let mut seen = Vec::new();
                while let Some((node, response)) = responses.next().await {
                    seen.push(node);
                    if let Ok(reply) = response {
                        self.check(node, &reply);
                    }
                }
                self.distinct(seen);
                Ok(())
            }
            Kind::WatchResponses => {
                let replies = numbered.watch(request).responses().ignore_errors();
                self.honest(&replies.collect_n(2 * MAJORITY).await);
                Ok(())
            }
            Kind::Correctable => {
                let correctable = numbered.watch(request).correctable(MAJORITY);
                correctable.reached(1).await;
                match correctable.done().await {
                    Ok((_, level)) if level as usize >= MAJORITY => Ok(()),
                    Ok((_, level)) => {
                        self.violation(&format!("the last level is {level}"));
                        Ok(())
                    }
                    Err(error) => self.failed(&error),
                }
            }
            Kind::Unicast => {
                let node = node().map_err(|_| Failure::Other)?;
                let sent = node.unicast(request).await;
                sent.map_err(|error| Failure::from(&error))
            }
            Kind::Multicast => {
                let sent = numbered.multicast(request).await;
                sent.map_err(|error| Failure::from(&error))
            }
            Kind::MulticastStream => {
                let sent = numbered.multicast_stream(request).await;
                sent.map_err(|error| Failure::from(&error))
            }
        }
    }

    /// Usually small, rarely large.
    fn size(&self) -> u32 {
        match self.number % 100 {
            0 => 100_000,
            small => small as u32,
        }
    }

    async fn on_node<F>(
        &self,
        node: impl FnOnce() -> Result<NumberedNode, gorums_runtime::errors::UnknownNode>,
        call: impl FnOnce(&NumberedNode) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<Reply, gorums_runtime::errors::NodeError>>,
    {
        let node = node().map_err(|_| Failure::Other)?;
        let outcome = call(&node).await;
        let good = !self.suspects().contains(&node.id());
        match outcome {
            Ok(reply) => {
                self.check(node.id(), &reply);
                Ok(())
            }
            Err(error) => {
                if good && self.judged {
                    self.violation(&error.to_string());
                }
                Err(Failure::from(&error))
            }
        }
    }

    /// Checks the number that a quorum function decided on.
    fn agreement(&self, outcome: Result<Reply, QuorumCallError>) -> Result<(), Failure> {
        match outcome {
            Ok(reply) => {
                if reply.number != self.number && self.suspects().len() <= MOST {
                    self.violation(&format!("decided by the number {}", reply.number));
                }
                self.succeeded()
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Checks that this many nodes have replied.
    fn replied(
        &self,
        wanted: usize,
        outcome: Result<Replies<Reply>, QuorumCallError>,
    ) -> Result<(), Failure> {
        match outcome {
            Ok(replies) => {
                self.honest(&replies);
                let nodes: HashSet<NodeId> = replies.node_ids().collect();
                if nodes.len() < wanted {
                    self.violation(&format!("{nodes:?} count as {wanted} nodes"));
                }
                self.succeeded()
            }
            Err(error) => self.failed(&error),
        }
    }

    fn succeeded(&self) -> Result<(), Failure> {
        if self.judged && self.suspects().len() <= MOST {
            self.world.record.judge();
        }
        Ok(())
    }

    /// Checks the failure of a call for which a majority suffices.
    fn failed(&self, error: &QuorumCallError) -> Result<(), Failure> {
        let suspects = self.suspects();
        if self.judged && suspects.len() <= MOST {
            self.world.record.judge();
            let since = self.start.elapsed();
            self.violation(&format!("suspects {suspects:?}, after {since:?}: {error}"));
        }
        Err(Failure::from(error))
    }

    fn honest(&self, replies: &Replies<Reply>) {
        for (node, reply) in replies.iter() {
            self.check(node, reply);
        }
    }

    /// Checks that a node that is not suspected answers with the number of the request.
    fn check(&self, node: NodeId, reply: &Reply) {
        if reply.number != self.number && !self.suspects().contains(&node) {
            self.violation(&format!("node {node} has replied with {}", reply.number));
        }
    }

    fn distinct(&self, nodes: Vec<NodeId>) {
        let distinct: HashSet<NodeId> = nodes.iter().copied().collect();
        if distinct.len() < nodes.len() {
            self.violation(&format!("a node has replied again: {nodes:?}"));
        }
    }

    fn suspects(&self) -> Vec<NodeId> {
        self.world.suspects.since(self.start)
    }

    fn violation(&self, text: &str) {
        self.world
            .record
            .violation(&format!("{}: {text}", self.name()));
    }

    fn name(&self) -> String {
        format!("call {} ({:?})", self.number, self.kind)
    }
}
