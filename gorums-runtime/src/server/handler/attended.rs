//! Handlers that run to their end.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::context::Context;
use super::too_late::too_late;
use crate::call::MethodDescriptor;
use crate::support::Panicked;

/// A handler whose caller waits for its outcome, for at most `limit`.
///
/// If the caller gives up, this cancels the handler's context and lets the handler go on in the background. A handler
/// that is dropped midway could leave its replica with half an update.
pub(super) struct Attended<T: Send + 'static> {
    context: Context,
    /// `None` once it has ended.
    handler: Option<BoxFuture<'static, Result<T, Status>>>,
    /// How long the handler may take, and the timer of that.
    limit: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl<T: Send + 'static> Attended<T> {
    pub(super) fn new(
        context: Context,
        limit: Option<Duration>,
        handler: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Self {
        Self {
            limit: limit.map(|limit| (limit, Box::pin(sleep(limit)))),
            handler: Some(guarded(context.method(), handler).boxed()),
            context,
        }
    }
}

/// Runs `handler` and turns a panic into a status.
pub(super) fn guarded<T, F>(
    method: &'static MethodDescriptor,
    handler: F,
) -> impl Future<Output = Result<T, Status>> + use<T, F>
where
    F: Future<Output = Result<T, Status>>,
{
    // The replica's own locks guard the state that a panic leaves behind.
    AssertUnwindSafe(handler).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|payload| Err(panicked(method, &Panicked::with(&*payload))))
    })
}

/// The status of a call whose handler panicked.
#[cold]
pub(super) fn panicked(method: &MethodDescriptor, panicked: &Panicked) -> Status {
    let (method, message) = (method.full_name(), &panicked.0);
    Status::internal(format!("the handler of {method} panicked: {message}"))
}

impl<T: Send + 'static> Future for Attended<T> {
    type Output = Result<T, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let Some(handler) = &mut self.handler else {
            panic!("a handler was polled after it ended");
        };
        if let Poll::Ready(outcome) = handler.poll_unpin(cx) {
            self.handler = None;
            return Poll::Ready(outcome);
        }
        let Some((limit, late)) = &mut self.limit else {
            return Poll::Pending;
        };
        ready!(late.as_mut().poll(cx));
        Poll::Ready(Err(too_late(*limit)))
    }
}

impl<T: Send + 'static> Drop for Attended<T> {
    fn drop(&mut self) {
        let Some(handler) = self.handler.take() else {
            return;
        };
        self.context.abandon();
        // Outside a runtime the server has ended, and the handler cannot go on.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(handler);
        }
    }
}
