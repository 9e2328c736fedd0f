//! The ways to aggregate replies.

use std::fmt;
use std::marker::PhantomData;

use gorums_quorum::{NodeSet, QuorumSystem};

use crate::call::{Decide, Method, MethodDescriptor, Outstanding, Replies, Tally};
use crate::correctable::{Correct, Correction};
use crate::identity::NodeId;

/// Which replies a call waits for, as a value. [`AggregateCall::replies`](crate::AggregateCall::replies) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregation {
    /// The reply that arrives first.
    First,
    /// All replies up to the moment when more than half of the configuration's nodes, skipped ones included, have
    /// replied.
    Majority,
    /// The replies of all nodes that are not skipped.
    All,
    /// All replies up to the moment when this many nodes have replied. 0 counts as 1. A node that streams its replies
    /// counts once.
    Threshold(usize),
}

/// The method `M`, called with an aggregation in place of a quorum spec.
pub struct Aggregated<M>(PhantomData<fn() -> M>);

impl<M> fmt::Debug for Aggregated<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aggregated")
    }
}

impl<M: Method> Method for Aggregated<M> {
    type Request = M::Request;
    type Reply = M::Reply;
    const PATH: &str = M::PATH;
    const DESCRIPTOR: MethodDescriptor = M::DESCRIPTOR;
}

/// Takes the reply that arrives first.
#[derive(Clone, Copy, Debug)]
pub struct FirstReply;

impl<M: Method> Decide<FirstReply> for Aggregated<M> {
    type Output = M::Reply;

    fn decide(tally: Tally<'_, Self, FirstReply>) -> Option<M::Reply> {
        tally.replies.take_first()
    }
}

/// Takes a number of replies.
#[derive(Clone, Copy, Debug)]
pub struct Threshold(usize);

impl Threshold {
    pub(super) fn of(replies: usize) -> Self {
        Self(replies.max(1))
    }
}

impl<M: Method> Decide<Threshold> for Aggregated<M> {
    type Output = Replies<M::Reply>;

    fn decide(tally: Tally<'_, Self, Threshold>) -> Option<Replies<M::Reply>> {
        (tally.replies.replied() >= tally.spec.0).then(|| std::mem::take(tally.replies))
    }

    fn reachable(
        threshold: &Threshold,
        replies: &Replies<M::Reply>,
        rest: &Outstanding<'_>,
    ) -> bool {
        replies.replied() + rest.nodes() >= threshold.0
    }
}

impl<M: Method> Correct<Threshold> for Aggregated<M> {
    type Output = M::Reply;

    fn correct(tally: Tally<'_, Self, Threshold>) -> Option<Correction<M::Reply>> {
        let replied = tally.replies.replied();
        let level = i32::try_from(replied).unwrap_or(i32::MAX);
        let latest = tally.replies.take_latest()?;
        Some(if replied >= tally.spec.0 {
            Correction::last(latest, level)
        } else {
            Correction::preliminary(latest, level)
        })
    }
}

/// Takes the replies of all nodes that are not skipped.
#[derive(Clone, Copy, Debug)]
pub struct AllReplies;

impl<M: Method> Decide<AllReplies> for Aggregated<M> {
    type Output = Replies<M::Reply>;

    fn decide(tally: Tally<'_, Self, AllReplies>) -> Option<Replies<M::Reply>> {
        let replies = tally.replies;
        (replies.replied() == replies.asked()).then(|| std::mem::take(replies))
    }

    fn reachable(_: &AllReplies, replies: &Replies<M::Reply>, rest: &Outstanding<'_>) -> bool {
        replies.replied() + rest.nodes() >= replies.asked()
    }
}

/// Takes the replies of a quorum.
#[derive(Clone, Debug)]
pub struct QuorumOf<S>(S);

impl<S> QuorumOf<S> {
    pub(super) fn new(system: S) -> Self {
        Self(system)
    }
}

impl<M, S> Decide<QuorumOf<S>> for Aggregated<M>
where
    M: Method,
    S: QuorumSystem<Node = NodeId>,
{
    type Output = Replies<M::Reply>;

    fn decide(tally: Tally<'_, Self, QuorumOf<S>>) -> Option<Replies<M::Reply>> {
        let replies = tally.replies;
        replies.form(&tally.spec.0).then(|| std::mem::take(replies))
    }

    fn reachable(
        QuorumOf(system): &QuorumOf<S>,
        replies: &Replies<M::Reply>,
        rest: &Outstanding<'_>,
    ) -> bool {
        let universe = system.universe();
        let positions = |nodes: &mut dyn Iterator<Item = NodeId>| -> NodeSet {
            nodes.filter_map(|node| universe.position(&node)).collect()
        };
        let mut lost = positions(&mut rest.lost().iter().copied());
        lost.subtract(&positions(&mut replies.node_ids()));
        system.is_quorum_without(&lost)
    }
}

/// Takes the result of the caller's own function of the replies.
#[derive(Clone)]
pub struct Decision<F>(F);

impl<F> Decision<F> {
    pub(super) fn by(decide: F) -> Self {
        Self(decide)
    }
}

impl<F> fmt::Debug for Decision<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decision")
    }
}

impl<M, T, F> Decide<Decision<F>> for Aggregated<M>
where
    M: Method,
    T: Send + 'static,
    F: Fn(&mut Replies<M::Reply>) -> Option<T>,
{
    type Output = T;

    fn decide(tally: Tally<'_, Self, Decision<F>>) -> Option<T> {
        tally.spec.0(tally.replies)
    }
}
