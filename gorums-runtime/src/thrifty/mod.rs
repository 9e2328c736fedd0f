//! Calls that go to some of the nodes first.
//!
//! Owns what the calls of one [`Thrifty`] have in common: how a quorum is picked, when it is late, and how much hedging is
//! left. Imports `identity`. Does not know nodes or calls.

mod budget;
mod delay;
mod strategy;
mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gorums_quorum::Quorums;
use tonic::Code;

use crate::identity::NodeId;
use budget::Budget;
use delay::Delay;
pub(crate) use strategy::Pick;
use strategy::Strategy;
pub use strategy::StrategyError;

/// How calls go to one quorum instead of to all nodes, and to others when it does not answer.
///
/// A thrifty call sends its request to a quorum that it picks. It replaces a node of it that fails, at once. With
/// [`hedge_after`](Self::hedge_after) it also replaces a node that is late, and then takes whichever reply comes first: it is
/// hedged (Dean and Barroso 2013). If all nodes that it has contacted have answered, and the call is not decided, it
/// contacts all others.
///
/// All other rules of a call stay. A node gets the request at most once, and one that was not contacted neither replies nor
/// fails. Deadlines, interceptors and [`cancel_rest`](crate::CallOptions::cancel_rest) apply as always. A method has to be
/// declared idempotent in its proto; see [`CallOptions::thrifty`](crate::CallOptions::thrifty).
///
/// One value serves any number of calls, which share its budget and what it knows of latencies; clones share them, too.
///
/// ```no_run
/// # use gorums_runtime::errors::QuorumCallError;
/// # use gorums_runtime::{AggregateCall, Configuration, Method};
/// use std::time::Duration;
///
/// use gorums_runtime::Thrifty;
///
/// # async fn example<M: Method>(call: AggregateCall<M>, configuration: Configuration) -> Result<(), QuorumCallError> {
/// let majority = configuration.majority();
/// let thrifty = Thrifty::fastest(&majority).hedge_at_percentile(0.95, Duration::from_millis(20));
/// let replies = call.thrifty(&thrifty).quorum_of(&majority).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Thrifty(Arc<Shared>);

struct Shared {
    system: Quorums<NodeId>,
    strategy: Strategy,
    delay: Option<Delay>,
    /// The codes of errors after which a node is replaced. `None` stands for all.
    codes: Option<Box<[Code]>>,
    budget: Budget,
}

impl Thrifty {
    /// Picks the quorum of `system` whose nodes have the lowest [latency](crate::Node::latency). A node without a
    /// measurement counts as fast, so that it gets one. One call in 64 picks any quorum, so that a node that was slow is
    /// measured again.
    pub fn fastest(system: &Quorums<NodeId>) -> Self {
        Self::with(system, Strategy::Fastest)
    }

    /// Picks any quorum of `system`, so that the load is spread.
    pub fn uniform(system: &Quorums<NodeId>) -> Self {
        Self::with(system, Strategy::Uniform)
    }

    /// Picks one of `quorums`, each as often as its share of all weights: the optimal strategy of an analysis, for
    /// example.
    ///
    /// # Errors
    ///
    /// When there is no quorum, or one is no quorum of `system`, or a weight is negative or not finite, or all are 0.
    pub fn distribution(
        system: &Quorums<NodeId>,
        quorums: impl IntoIterator<Item = (Vec<NodeId>, f64)>,
    ) -> Result<Self, StrategyError> {
        let strategy = Strategy::distribution(system, quorums)?;
        Ok(Self::with(system, strategy))
    }

    fn with(system: &Quorums<NodeId>, strategy: Strategy) -> Self {
        Self(Arc::new(Shared {
            system: system.clone(),
            strategy,
            delay: None,
            codes: None,
            budget: Budget::new(Budget::SHARE, Budget::MOST),
        }))
    }

    /// Replaces a node that has not replied `delay` after it was contacted.
    ///
    /// It resets the budget, like the other setters: set a value up before its first call.
    pub fn hedge_after(self, delay: Duration) -> Self {
        self.set(|shared| shared.delay = Some(Delay::fixed(delay)))
    }

    /// Replaces a node that has not replied within the time in which this share of its replies came, of those of the last
    /// ten to twenty seconds: 0.95, for example. Until there are 100, `unknown` is that time.
    ///
    /// Choose it well below the share of replies that come in time. If 1 % of them are late, 0.99 is the time of a late one. A node is
    /// never replaced before a millisecond has passed, in which timers count.
    ///
    /// # Panics
    ///
    /// When `share` is not above 0 and below 1.
    pub fn hedge_at_percentile(self, share: f64, unknown: Duration) -> Self {
        assert!(
            share > 0.0 && share < 1.0,
            "a percentile is above 0 and below 1, and not {share}"
        );
        self.set(|shared| shared.delay = Some(Delay::percentile(share, unknown)))
    }

    /// Replaces a node only after errors with these codes. By default it is after all.
    pub fn hedge_on(self, codes: impl IntoIterator<Item = Code>) -> Self {
        let codes = codes.into_iter().collect();
        self.set(|shared| shared.codes = Some(codes))
    }

    /// Bounds the load that hedging adds: late nodes are replaced only as long as there are tokens, of which each
    /// replacement takes one, and each call brings a `share`, up to `most` of them. By default these are 0.1 and 10.
    ///
    /// When all nodes are slow at once, hedging then adds at most one request to ten calls, and not one to each. It is the
    /// idea of gRPC's retry throttling (proposal A6). Failed nodes are replaced without tokens.
    ///
    /// # Panics
    ///
    /// When `share` is negative or not finite.
    pub fn hedge_budget(self, share: f64, most: u32) -> Self {
        assert!(
            share >= 0.0 && share.is_finite(),
            "the share of a call in the budget is not negative, and not {share}"
        );
        self.set(|shared| shared.budget = Budget::new(share, most))
    }

    fn set(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Shared {
            system: self.0.system.clone(),
            strategy: self.0.strategy.clone(),
            delay: self.0.delay.as_ref().map(Delay::without_measurements),
            codes: self.0.codes.clone(),
            budget: self.0.budget.fresh(),
        };
        change(&mut shared);
        Self(Arc::new(shared))
    }

    /// The system of which quorums are picked.
    pub fn system(&self) -> &Quorums<NodeId> {
        &self.0.system
    }

    /// How the next call picks its quorum.
    pub(crate) fn pick(&self) -> Pick<'_> {
        self.0.budget.refill();
        self.0.strategy.pick()
    }

    /// Whether late nodes are replaced.
    pub(crate) fn hedges(&self) -> bool {
        self.0.delay.is_some()
    }

    /// When `node` is late. `None` if late nodes are not replaced.
    pub(crate) fn delay(&self, node: NodeId) -> Option<Duration> {
        Some(self.0.delay.as_ref()?.of(node))
    }

    /// Notes that `node` replied after this time, or had not done so until then.
    pub(crate) fn measure(&self, node: NodeId, latency: Duration) {
        if let Some(delay) = &self.0.delay {
            delay.measure(node, latency);
        }
    }

    /// Takes tokens for as many requests as there are tokens for, of `requests`. Returns how many.
    pub(crate) fn take_tokens(&self, requests: usize) -> usize {
        self.0.budget.take(requests)
    }

    /// Whether a node that failed with this code is replaced.
    pub(crate) fn replaces_after(&self, code: Code) -> bool {
        let codes = self.0.codes.as_deref();
        codes.is_none_or(|codes| codes.contains(&code))
    }
}

impl fmt::Debug for Thrifty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thrifty")
            .field("system", &self.0.system)
            .field("strategy", &self.0.strategy)
            .field("delay", &self.0.delay)
            .finish_non_exhaustive()
    }
}
