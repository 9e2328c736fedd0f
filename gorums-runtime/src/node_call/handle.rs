//! A call to one node that has been sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::task::JoinHandle;
use tonic::Status;

use super::NodeCallFuture;
use crate::call::Method;
use crate::node::Node;
use crate::node_info::NodeError;
use crate::support::Panicked;

/// The handle of a call to one node that has been sent, and a future of its reply.
///
/// The call runs on the runtime on which its manager was created, whether or not the handle is polled.
///
/// # Panics
///
/// When it is polled after it was ready.
///
/// # Cancel safety
///
/// The handle may be polled, left and polled again. Dropping it before the call has ended withdraws the call, unless
/// [`detach`](Self::detach) is used.
#[must_use = "dropping the handle of a call withdraws it; `detach` lets it go on"]
pub struct NodeCallHandle<M: Method> {
    node: Node,
    /// `None` once the call is detached or its result was taken.
    task: Option<JoinHandle<Result<M::Reply, NodeError>>>,
}

impl<M: Method> NodeCallHandle<M> {
    /// Sends `call` to `node`, and runs the rest of it in the background.
    pub(super) fn start(node: Node, mut call: NodeCallFuture<M>) -> Self {
        let runtime = node.tasks().runtime().clone();
        // The first poll sends the call. If the task made it, a later call could overtake this one.
        let started = {
            let _runtime = runtime.enter();
            (&mut call).now_or_never()
        };
        let task = runtime.spawn(async move {
            match started {
                Some(outcome) => outcome,
                None => call.await,
            }
        });
        Self {
            node,
            task: Some(task),
        }
    }

    /// Whether the call has ended, so that the handle is ready.
    pub fn is_done(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the call go on in the background and discards its reply. The call keeps its node connected until it ends, so
    /// give it a timeout: otherwise a node that never answers makes it last for ever.
    pub fn detach(mut self) {
        self.task = None;
    }
}

impl<M: Method> Future for NodeCallHandle<M> {
    type Output = Result<M::Reply, NodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = &mut self.task else {
            panic!("the handle of a call was polled after the call ended");
        };
        let outcome = ready!(task.poll_unpin(cx));
        self.task = None;
        Poll::Ready(outcome.unwrap_or_else(|error| {
            let info = self.node.info();
            let status = match error.try_into_panic() {
                Ok(panic) => {
                    let Panicked(message) = Panicked::with(&*panic);
                    Status::internal(format!("the call panicked: {message}"))
                }
                // The manager's runtime has ended.
                Err(_) => info.ended(),
            };
            Err(info.error(status))
        }))
    }
}

impl<M: Method> Drop for NodeCallHandle<M> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl<M: Method> fmt::Debug for NodeCallHandle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCallHandle")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("node", &self.node.id())
            .finish_non_exhaustive()
    }
}
