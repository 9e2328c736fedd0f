//! Calls whose caller chooses how to aggregate the replies: `quorumcall` and `async`.
//!
//! Owns the aggregations, and the stream of responses. Imports `quorum_call`, `correctable`, `fan_out` and what is
//! below them. Does not know the transports.

mod aggregation;
mod async_call;
mod responses;

pub use aggregation::{
    Aggregated, Aggregation, AllReplies, Decision, FirstReply, QuorumOf, Threshold,
};
pub use async_call::AsyncCall;
pub use responses::{Responses, SuccessfulResponses};

use std::fmt;
use std::sync::Arc;

use gorums_quorum::QuorumSystem;

use crate::call::{CallOptions, Decide, Method, PerNode, Replies, option_methods};
use crate::caller::Caller;
use crate::configuration::Configuration;
use crate::correctable::{Correctable, CorrectableCall};
use crate::identity::NodeId;
use crate::quorum_call::{QuorumCall, QuorumCallError};
use crate::thrifty::Thrifty;

/// A call to all nodes that has not started, without a quorum spec. Choose how to aggregate the replies, then await the
/// result.
///
/// ```no_run
/// # use gorums_runtime::errors::QuorumCallError;
/// # use gorums_runtime::{AggregateCall, Method};
/// # use prost::Message;
/// # async fn example<M: Method>(call: impl Fn() -> AggregateCall<M>) -> Result<(), QuorumCallError> {
/// use futures::StreamExt;
///
/// let mut replies = call().majority().await?;
/// let newest = replies.take_max_by_key(|reply| reply.encoded_len());
///
/// let decided = call().quorum(|replies| replies.is_majority().then(|| replies.len())).await?;
///
/// let mut responses = call().responses();
/// while let Some((node, reply)) = responses.next().await {
///     println!("{node}: {}", if reply.is_ok() { "a reply" } else { "an error" });
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a call does nothing until it is told how to aggregate its replies"]
pub struct AggregateCall<M: Method> {
    configuration: Configuration,
    request: M::Request,
    per_node: Option<PerNode<M::Request>>,
    options: CallOptions,
}

impl<M: Method> AggregateCall<M> {
    /// A call of `request` on every node of `caller`. For generated code.
    pub fn new<Q>(caller: &Caller<Q>, request: M::Request) -> Self {
        Self {
            configuration: caller.configuration(),
            request,
            per_node: None,
            options: caller.options().clone(),
        }
    }

    /// A call that sends each node what `per_node` makes of `request` for it, or nothing. For generated code.
    pub fn per_node<Q>(
        caller: &Caller<Q>,
        request: M::Request,
        per_node: impl FnMut(&M::Request, NodeId) -> Option<M::Request> + Send + 'static,
    ) -> Self {
        Self {
            per_node: Some(Box::new(per_node)),
            ..Self::new(caller, request)
        }
    }

    option_methods!(decided);

    /// The reply that arrives first.
    pub fn first(self) -> QuorumCall<Aggregated<M>, FirstReply> {
        self.decided_by(FirstReply)
    }

    /// The replies of more than half of the configuration's nodes, skipped ones included, so that any two majorities
    /// have a node in common. A node that streams its replies counts once; all its replies so far are returned.
    pub fn majority(self) -> QuorumCall<Aggregated<M>, Threshold> {
        let majority = self.configuration.size() / 2 + 1;
        self.threshold(majority)
    }

    /// The replies of all nodes that are not skipped.
    pub fn all(self) -> QuorumCall<Aggregated<M>, AllReplies> {
        self.decided_by(AllReplies)
    }

    /// The replies of the first `nodes` nodes that reply. 0 counts as 1. A node that streams its replies counts once;
    /// all its replies so far are returned.
    pub fn threshold(self, nodes: usize) -> QuorumCall<Aggregated<M>, Threshold> {
        self.decided_by(Threshold::of(nodes))
    }

    /// The replies of a quorum of `system`. The call ends as
    /// [`Incomplete`](crate::errors::QuorumCallErrorKind::Incomplete) once the nodes that have failed leave no quorum. A
    /// node that streams its replies counts once; all its replies so far are returned.
    ///
    /// ```no_run
    /// # use gorums_runtime::errors::QuorumCallError;
    /// # use gorums_runtime::{AggregateCall, Configuration, Method};
    /// # async fn example<M: Method>(call: AggregateCall<M>, configuration: Configuration) -> Result<(), QuorumCallError> {
    /// let writes = configuration.majority();
    /// let replies = call.quorum_of(&writes).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn quorum_of<S>(self, system: &S) -> QuorumCall<Aggregated<M>, QuorumOf<S>>
    where
        S: QuorumSystem<Node = NodeId> + Clone,
    {
        self.decided_by(QuorumOf::new(system.clone()))
    }

    /// The replies that `aggregation` selects.
    ///
    /// # Errors
    ///
    /// When there will not be as many replies, or the deadline passes: see [`QuorumCall`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it has ended withdraws the call.
    pub async fn replies(
        self,
        aggregation: Aggregation,
    ) -> Result<Replies<M::Reply>, QuorumCallError> {
        match aggregation {
            Aggregation::First => self.threshold(1).await,
            Aggregation::Majority => self.majority().await,
            Aggregation::All => self.all().await,
            Aggregation::Threshold(replies) => self.threshold(replies).await,
        }
    }

    /// The result of `decide`, which is called after each successful reply with all replies so far, until it returns
    /// `Some`.
    pub fn quorum<T, F>(self, decide: F) -> QuorumCall<Aggregated<M>, Decision<F>>
    where
        T: Send + 'static,
        F: Fn(&mut Replies<M::Reply>) -> Option<T> + Send + Sync + 'static,
    {
        self.decided_by(Decision::by(decide))
    }

    /// Starts the call and publishes each reply as a value. Its level is the number of nodes that have replied so far.
    /// The reply of the `nodes`-th node is the last (0 counts as 1). A node that streams its replies counts once.
    pub fn correctable(self, nodes: usize) -> Correctable<M::Reply> {
        let Self {
            configuration,
            request,
            per_node,
            options,
        } = self;
        let threshold = Arc::new(Threshold::of(nodes));
        CorrectableCall::<Aggregated<M>, Threshold>::of(
            configuration,
            threshold,
            request,
            per_node,
            options,
        )
        .start()
    }

    /// The replies and errors as they arrive.
    pub fn responses(self) -> Responses<M> {
        Responses::new(self)
    }

    /// Contacts one quorum first, and others when it fails or is late; see
    /// [`CallOptions::thrifty`](crate::CallOptions::thrifty).
    pub fn thrifty(mut self, thrifty: &Thrifty) -> Self {
        self.options = self.options.thrifty(thrifty);
        self
    }

    fn decided_by<A>(self, aggregation: A) -> QuorumCall<Aggregated<M>, A>
    where
        Aggregated<M>: Decide<A, Request = M::Request>,
    {
        QuorumCall::of(
            self.configuration,
            Arc::new(aggregation),
            self.request,
            self.per_node,
            self.options,
        )
    }
}

impl<M: Method> fmt::Debug for AggregateCall<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateCall")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("configuration", &self.configuration.id())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
