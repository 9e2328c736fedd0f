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

use super::call_limits::too_late;
use super::context::Context;
use crate::call::MethodDescriptor;
use crate::support::Panicked;

/// A handler whose caller waits for it, or is told that it takes too long. When the caller gives up, the handler is told by its context, and goes on
/// without being waited for: a replica must not be left with half of an update.
pub(super) struct Attended<T: Send + 'static> {
    context: Context,
    /// None once it has ended.
    handler: Option<BoxFuture<'static, Result<T, Status>>>,
    /// How long it may take, and what goes off then.
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

/// A handler whose panic is its status.
pub(super) fn guarded<T, F>(
    method: &'static MethodDescriptor,
    handler: F,
) -> impl Future<Output = Result<T, Status>> + use<T, F>
where
    F: Future<Output = Result<T, Status>>,
{
    // What a panic leaves behind in the replica is guarded by the replica's own locks.
    AssertUnwindSafe(handler).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|payload| Err(panicked(method, &Panicked::with(&*payload))))
    })
}

/// The status of a handler of `method` that panicked.
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
        // Outside of a runtime the server is gone, and nothing can go on.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(handler);
        }
    }
}
