//! A quorum call that has been sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Decided;
use super::error::QuorumCallError;
use super::undecided::Undecided;
use crate::call::MethodDescriptor;
use crate::support::Panicked;

/// The handle of a quorum call that has been sent, and a future of its result.
///
/// The call runs on the runtime on which its manager was created, whether or not the handle is polled.
///
/// # Cancel safety
///
/// The handle may be polled, left and polled again. Dropping it before the call is decided withdraws the call from
/// every node, unless [`detach`](Self::detach) is used.
#[must_use = "dropping the handle of a call withdraws it; `detach` lets it go on"]
pub struct QuorumCallHandle<T> {
    method: MethodDescriptor,
    /// `None` once the call is detached or its result was taken.
    task: Option<JoinHandle<Outcome<T>>>,
}

type Outcome<T> = Result<Decided<T>, QuorumCallError>;

impl<T: Send + 'static> QuorumCallHandle<T> {
    /// Sends `call`, and runs the rest of it on `runtime`.
    pub(super) fn start<F>(method: MethodDescriptor, mut call: F, runtime: &Handle) -> Self
    where
        F: Future<Output = Outcome<T>> + Unpin + Send + 'static,
    {
        // The first poll sends the call to every node. If the task made it, a later call could overtake this one.
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
            method,
            task: Some(task),
        }
    }

    /// Whether the call has ended, so that the handle is ready.
    pub fn is_done(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the call go on in the background and discards its result. The call keeps its nodes connected until it ends,
    /// so give it a timeout: otherwise nodes that never answer make it last for ever.
    pub fn detach(mut self) {
        self.task = None;
    }

    /// Also returns the nodes whose replies the quorum function saw.
    pub fn with_node_ids(self) -> impl Future<Output = Outcome<T>> + Send {
        let mut handle = self;
        std::future::poll_fn(move |cx| handle.poll_outcome(cx))
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        let Some(task) = &mut self.task else {
            panic!("the handle of a quorum call was polled after the call ended");
        };
        let outcome = ready!(task.poll_unpin(cx));
        self.task = None;
        match outcome {
            Ok(outcome) => Poll::Ready(outcome),
            Err(error) => {
                let cause = match error.try_into_panic() {
                    Ok(panic) => Undecided::Panicked(Panicked::with(&*panic)),
                    // The manager's runtime has ended.
                    Err(_) => Undecided::Closed,
                };
                let method = self.method.full_name();
                Poll::Ready(Err(QuorumCallError::new(method, cause, 0, Vec::new())))
            }
        }
    }
}

impl<T: Send + 'static> Future for QuorumCallHandle<T> {
    type Output = Result<T, QuorumCallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx)
            .map(|outcome| outcome.map(|decided| decided.value))
    }
}

impl<T> Drop for QuorumCallHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl<T> fmt::Debug for QuorumCallHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuorumCallHandle")
            .field("method", &self.method.full_name())
            .finish_non_exhaustive()
    }
}
