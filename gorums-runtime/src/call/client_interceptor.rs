//! Functions around each call that a client makes.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::deadline::Deadline;
use super::method::MethodDescriptor;
use super::outcome::CallOutcome;
use crate::identity::{ConfigurationId, NodeId};

/// A function around each call that a client makes.
///
/// [`ManagerBuilder::intercept`](crate::ManagerBuilder::intercept) adds one to all calls of a manager,
/// [`CallOptions::intercept`](crate::CallOptions::intercept) to those of one configuration. A manager's are outside of a
/// configuration's, and the one that was added first is outermost: it sees a call first and its end last.
///
/// An interceptor may add metadata, change the request, or refuse the call, so that nothing is sent. The watch that it
/// returns sees the outcome of each node, which it may change or reject, and the end of the call. It does not wait: what
/// takes time belongs around the code that makes the call, or into a
/// [`ServerInterceptor`](crate::interceptors::ServerInterceptor). A panic fails the call.
///
/// ```
/// use gorums_runtime::interceptors::{CallWatch, ClientCall, ClientInterceptor, NodeOutcome};
/// use gorums_runtime::tonic::Status;
///
/// /// Sends a token with each call, and reports the nodes that refuse it.
/// struct Token(&'static str);
///
/// impl ClientInterceptor for Token {
///     fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
///         let token = self.0.parse().map_err(|_| Status::internal("the token is not ASCII"))?;
///         call.metadata_mut().insert("token", token);
///         Ok(Some(Box::new(Refusals)))
///     }
/// }
///
/// struct Refusals;
///
/// impl CallWatch for Refusals {
///     fn node(&mut self, outcome: &mut NodeOutcome<'_>) {
///         if let Some(error) = outcome.error() {
///             println!("node {} failed: {}", outcome.node_id(), error.message());
///         }
///     }
/// }
/// # fn example(builder: gorums_runtime::ManagerBuilder) -> gorums_runtime::ManagerBuilder {
/// builder.intercept(Token("secret"))
/// # }
/// ```
pub trait ClientInterceptor: Send + Sync + 'static {
    /// Sees a call before it is sent. Returns what watches the rest of it, if anything does.
    ///
    /// # Errors
    ///
    /// Why the call is not sent. It fails with this status on each of its nodes.
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status>;
}

/// What watches a call that was sent.
pub trait CallWatch: Send + Sync {
    /// Sees a node's reply or error. Of a method that streams its replies, sees each.
    ///
    /// A call does not wait for the nodes that have not answered when it ends; their outcomes are not seen.
    fn node(&mut self, _outcome: &mut NodeOutcome<'_>) {}

    /// Sees how the call ended, after `elapsed` since its start.
    fn end(&mut self, _outcome: CallOutcome, _elapsed: Duration) {}
}

/// A call that has not been sent yet.
pub struct ClientCall<'a> {
    pub(super) method: &'static MethodDescriptor,
    pub(super) configuration: Option<ConfigurationId>,
    pub(super) nodes: &'a [NodeId],
    pub(super) deadline: Deadline,
    pub(super) metadata: &'a mut Option<Arc<MetadataMap>>,
    pub(super) request: &'a mut (dyn Any + Send),
    pub(super) request_len: usize,
}

impl ClientCall<'_> {
    /// The method that is called.
    pub fn method(&self) -> &'static MethodDescriptor {
        self.method
    }

    /// The configuration that is called. `None` for calls to one node.
    pub fn configuration_id(&self) -> Option<ConfigurationId> {
        self.configuration
    }

    /// The nodes that are called. A function that makes each node's request may skip some of them.
    pub fn nodes(&self) -> &[NodeId] {
        self.nodes
    }

    /// The time until the call's deadline. `None` if it has none.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.remaining()
    }

    /// The metadata of the call, without that of its manager.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        Arc::make_mut(self.metadata.get_or_insert_default())
    }

    /// The request, if its type is `T`.
    pub fn request_as<T: Message + 'static>(&self) -> Option<&T> {
        (*self.request).downcast_ref()
    }

    /// The request, to change it, if its type is `T`. The nodes, and the quorum function, get what it becomes. A function
    /// that makes each node's request is called after that.
    pub fn request_as_mut<T: Message + 'static>(&mut self) -> Option<&mut T> {
        self.request.downcast_mut()
    }

    /// How many bytes the request had when it came to the interceptors.
    pub fn request_len(&self) -> usize {
        self.request_len
    }
}

impl fmt::Debug for ClientCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCall")
            .field("method", &self.method.full_name())
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// A node's reply or error, or that a one-way request was handed to the transport.
pub struct NodeOutcome<'a> {
    pub(super) node: NodeId,
    pub(super) elapsed: Duration,
    pub(super) result: Result<Option<&'a mut (dyn Any + Send)>, &'a Status>,
    pub(super) rejected: Option<Status>,
}

impl NodeOutcome<'_> {
    /// The node.
    pub fn node_id(&self) -> NodeId {
        self.node
    }

    /// The time since the call began.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Why the call failed on the node, if it did, also in the eyes of another interceptor.
    pub fn error(&self) -> Option<&Status> {
        self.rejected
            .as_ref()
            .or(self.result.as_ref().err().copied())
    }

    /// The reply, if there is one and its type is `T`.
    pub fn reply_as<T: Message + 'static>(&self) -> Option<&T> {
        match &self.result {
            Ok(Some(reply)) => (**reply).downcast_ref(),
            _ => None,
        }
    }

    /// The reply, to change it, if there is one and its type is `T`. The quorum function gets what it becomes.
    pub fn reply_as_mut<T: Message + 'static>(&mut self) -> Option<&mut T> {
        match &mut self.result {
            Ok(Some(reply)) => reply.downcast_mut(),
            _ => None,
        }
    }

    /// Makes the call fail on the node, with `status` in place of its reply. Has no effect on an error.
    pub fn reject(&mut self, status: Status) {
        if self.result.is_ok() {
            self.rejected = Some(status);
        }
    }
}

impl fmt::Debug for NodeOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeOutcome")
            .field("node", &self.node)
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}

/// Interceptors, the outermost first.
#[derive(Clone, Default)]
pub(crate) struct ClientInterceptors(Option<Arc<Vec<Arc<dyn ClientInterceptor>>>>);

impl ClientInterceptors {
    /// Adds an interceptor inside of the others.
    pub(crate) fn push(&mut self, interceptor: impl ClientInterceptor) {
        Arc::make_mut(self.0.get_or_insert_default()).push(Arc::new(interceptor));
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn ClientInterceptor> {
        self.0.iter().flat_map(|all| all.iter()).map(|one| &**one)
    }
}

impl fmt::Debug for ClientInterceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientInterceptors")
            .field(&self.iter().count())
            .finish()
    }
}
