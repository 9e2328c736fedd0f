//! Aggregations that are sent before they are awaited.

use std::fmt;

use gorums_quorum::QuorumSystem;

use super::AggregateCall;
use super::aggregation::Aggregation;
use crate::call::{Method, Replies};
use crate::caller::Caller;
use crate::identity::NodeId;
use crate::quorum_call::QuorumCallHandle;
use crate::thrifty::Thrifty;

/// An [`AggregateCall`] that is sent as soon as its caller chooses an aggregation.
#[must_use = "a call does nothing until it is told how to aggregate its replies"]
pub struct AsyncCall<M: Method>(AggregateCall<M>);

impl<M: Method> AsyncCall<M> {
    /// A call of `request` on every node of `caller`. For generated code.
    pub fn new<Q>(caller: &Caller<Q>, request: M::Request) -> Self {
        Self(AggregateCall::new(caller, request))
    }

    /// A call that sends each node what `per_node` makes of `request` for it, or nothing. For generated code.
    pub fn per_node<Q>(
        caller: &Caller<Q>,
        request: M::Request,
        per_node: impl FnMut(&M::Request, NodeId) -> Option<M::Request> + Send + 'static,
    ) -> Self {
        Self(AggregateCall::per_node(caller, request, per_node))
    }

    /// Ends the call `timeout` after it started; see [`AggregateCall::timeout`].
    pub fn timeout(self, timeout: std::time::Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// Sends `metadata` along with the request; see [`AggregateCall::metadata`].
    pub fn metadata(self, metadata: tonic::metadata::MetadataMap) -> Self {
        Self(self.0.metadata(metadata))
    }

    /// Withdraws the call, once it is decided, from the nodes that have not answered yet; see
    /// [`AggregateCall::cancel_rest`].
    pub fn cancel_rest(self) -> Self {
        Self(self.0.cancel_rest())
    }

    /// Contacts one quorum first, and others when it fails or is late; see
    /// [`CallOptions::thrifty`](crate::CallOptions::thrifty).
    pub fn thrifty(self, thrifty: &Thrifty) -> Self {
        Self(self.0.thrifty(thrifty))
    }

    /// Sends the call; the result is the reply that arrives first.
    pub fn first(self) -> QuorumCallHandle<M::Reply> {
        self.0.first().start()
    }

    /// Sends the call; the result is the replies of a majority. See [`AggregateCall::majority`].
    pub fn majority(self) -> QuorumCallHandle<Replies<M::Reply>> {
        self.0.majority().start()
    }

    /// Sends the call; the result is the replies of all nodes. See [`AggregateCall::all`].
    pub fn all(self) -> QuorumCallHandle<Replies<M::Reply>> {
        self.0.all().start()
    }

    /// Sends the call; the result is the replies of the first `nodes` nodes that reply. See
    /// [`AggregateCall::threshold`].
    pub fn threshold(self, nodes: usize) -> QuorumCallHandle<Replies<M::Reply>> {
        self.0.threshold(nodes).start()
    }

    /// Sends the call; the result is the replies of a quorum of `system`. See [`AggregateCall::quorum_of`].
    pub fn quorum_of<S>(self, system: &S) -> QuorumCallHandle<Replies<M::Reply>>
    where
        S: QuorumSystem<Node = NodeId> + Clone + Send + Sync + 'static,
    {
        self.0.quorum_of(system).start()
    }

    /// Sends the call; the result is the replies that `aggregation` selects.
    pub fn replies(self, aggregation: Aggregation) -> QuorumCallHandle<Replies<M::Reply>> {
        match aggregation {
            Aggregation::First => self.threshold(1),
            Aggregation::Majority => self.majority(),
            Aggregation::All => self.all(),
            Aggregation::Threshold(replies) => self.threshold(replies),
        }
    }

    /// Sends the call; the result is that of `decide`. See [`AggregateCall::quorum`].
    pub fn quorum<T, F>(self, decide: F) -> QuorumCallHandle<T>
    where
        T: Send + 'static,
        F: Fn(&mut Replies<M::Reply>) -> Option<T> + Send + Sync + 'static,
    {
        self.0.quorum(decide).start()
    }
}

impl<M: Method> fmt::Debug for AsyncCall<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncCall").field(&self.0).finish()
    }
}
