//! A quorum call that has not started.

use std::fmt;
use std::sync::Arc;

use super::decided::Decided;
use super::error::QuorumCallError;
use super::future::{QuorumCallFuture, WithNodeIdsFuture};
use super::handle::QuorumCallHandle;
use crate::call::{CallOptions, Decide, PerNode, option_methods};
use crate::caller::Caller;
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::thrifty::Thrifty;

/// A quorum call that has not started: set it up, then await it.
///
/// The call starts when it is first polled. It sends the request to every node of the configuration, hands each
/// reply to the quorum function, and ends with the function's result as soon as it decides. Otherwise it ends with
/// a [`QuorumCallError`] when every node has answered, failed or been skipped, when its deadline passes, or when
/// the manager closes.
///
/// Once the call is decided, the nodes that have not answered yet go on with it, so that a replica that lags still
/// applies a write. Their replies are discarded, the call's deadline applies to them, and their number is bounded by
/// [`ManagerBuilder::straggler_limit`](crate::ManagerBuilder::straggler_limit). See
/// [`cancel_rest`](Self::cancel_rest) for the alternative.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # use std::time::Duration;
/// # use register::ReadRequest;
/// # use register::register_gorums::{RegisterConfiguration, RegisterQuorumSpec};
/// use gorums_runtime::errors::QuorumCallErrorKind;
///
/// # async fn example(register: RegisterConfiguration<impl RegisterQuorumSpec>) {
/// let call = register.read(ReadRequest {}).timeout(Duration::from_millis(50));
/// match call.with_node_ids().await {
///     Ok(decided) => println!("{:?} from the nodes {:?}", decided.value, decided.node_ids),
///     Err(error) if error.kind() == QuorumCallErrorKind::DeadlineExceeded => println!("late: {error}"),
///     Err(error) => println!("{} replies, and {:?}", error.replies(), error.errors()),
/// }
/// # }
/// ```
///
/// A call owns what it needs: it can be spawned, stored, raced and joined. Calls of one configuration do not wait
/// for each other, and a slow node does not delay the others.
///
/// # Panics
///
/// When a call with a timeout is polled outside of a tokio runtime.
///
/// # Cancel safety
///
/// Dropping a call before it is decided withdraws it from every node: the servers see the cancellation. Nodes that
/// have handled the request by then have handled it.
#[must_use = "a call does nothing until it is awaited"]
pub struct QuorumCall<M: Decide<Q>, Q> {
    pub(super) configuration: Configuration,
    pub(super) spec: Arc<Q>,
    pub(super) request: M::Request,
    pub(super) per_node: Option<PerNode<M::Request>>,
    pub(super) options: CallOptions,
}

impl<M: Decide<Q>, Q> QuorumCall<M, Q> {
    /// A call of `request` on every node of `caller`, decided by its spec. For generated code.
    pub fn new(caller: &Caller<Q>, request: M::Request) -> Self {
        Self {
            configuration: caller.configuration(),
            spec: caller.shared_spec(),
            request,
            per_node: None,
            options: caller.options().clone(),
        }
    }

    /// A call that sends each node what `per_node` makes of `request` for it. A node for which it makes none is
    /// skipped: nothing is sent to it, and it counts neither as a reply nor as an error. For generated code.
    pub fn per_node(
        caller: &Caller<Q>,
        request: M::Request,
        per_node: impl FnMut(&M::Request, NodeId) -> Option<M::Request> + Send + 'static,
    ) -> Self {
        Self {
            per_node: Some(Box::new(per_node)),
            ..Self::new(caller, request)
        }
    }

    /// A call with all its parts.
    pub(crate) fn of(
        configuration: Configuration,
        spec: Arc<Q>,
        request: M::Request,
        per_node: Option<PerNode<M::Request>>,
        options: CallOptions,
    ) -> Self {
        Self {
            configuration,
            spec,
            request,
            per_node,
            options,
        }
    }

    option_methods!(decided);

    /// Contacts one quorum first, and others when it fails or is late; see
    /// [`CallOptions::thrifty`](crate::CallOptions::thrifty).
    pub fn thrifty(mut self, thrifty: &Thrifty) -> Self {
        self.options = self.options.thrifty(thrifty);
        self
    }

    /// Also returns the nodes whose replies the quorum function saw.
    pub fn with_node_ids(self) -> WithNodeIds<M, Q> {
        WithNodeIds(self)
    }
}

impl<M: Decide<Q>, Q: Send + Sync + 'static> QuorumCall<M, Q> {
    /// Starts the call now instead of at its first poll. The request has been sent when this returns.
    ///
    /// Calls that are started one after the other are sent in that order.
    pub fn start(self) -> QuorumCallHandle<M::Output> {
        let runtime = self.configuration.tasks().runtime().clone();
        QuorumCallHandle::start(M::DESCRIPTOR, WithNodeIdsFuture::new(self), &runtime)
    }
}

impl<M: Decide<Q>, Q: Send + Sync + 'static> IntoFuture for QuorumCall<M, Q> {
    type Output = Result<M::Output, QuorumCallError>;
    type IntoFuture = QuorumCallFuture<M, Q>;

    fn into_future(self) -> Self::IntoFuture {
        QuorumCallFuture::new(self)
    }
}

impl<M: Decide<Q>, Q> fmt::Debug for QuorumCall<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuorumCall")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("configuration", &self.configuration.id())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A quorum call that also returns the ids of the nodes that its result came from. [`QuorumCall::with_node_ids`]
/// creates it.
#[must_use = "a call does nothing until it is awaited"]
pub struct WithNodeIds<M: Decide<Q>, Q>(QuorumCall<M, Q>);

impl<M: Decide<Q>, Q> fmt::Debug for WithNodeIds<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithNodeIds").field(&self.0).finish()
    }
}

impl<M: Decide<Q>, Q: Send + Sync + 'static> IntoFuture for WithNodeIds<M, Q> {
    type Output = Result<Decided<M::Output>, QuorumCallError>;
    type IntoFuture = WithNodeIdsFuture<M, Q>;

    fn into_future(self) -> Self::IntoFuture {
        WithNodeIdsFuture::new(self.0)
    }
}
