//! The call that a handler serves, which the calls of that handler inherit from.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use pin_project_lite::pin_project;
use tonic::Status;
use tracing::Span;

use super::deadline::Deadline;
#[cfg(feature = "metrics")]
use crate::metrics::HandlerTimer;

thread_local! {
    /// The call whose handler is being polled on this thread.
    static CURRENT: RefCell<Option<Arc<dyn Served>>> = const { RefCell::new(None) };
}

/// A call that a handler serves.
pub(crate) trait Served: Send + Sync {
    /// When the call has to have ended.
    fn deadline(&self) -> Deadline;

    /// Whether its caller has given up.
    fn is_abandoned(&self) -> bool;

    /// Waits until its caller has given up.
    fn abandoned(self: Arc<Self>) -> BoxFuture<'static, ()>;

    /// Measures its handler, if anything does.
    #[cfg(feature = "metrics")]
    fn timer(&self) -> Option<&HandlerTimer> {
        None
    }
}

/// Returns the call whose handler makes a call now, if there is one.
pub(crate) fn current() -> Option<Arc<dyn Served>> {
    // The thread-local is gone while the thread ends.
    CURRENT.try_with(|it| it.borrow().clone()).ok().flatten()
}

pin_project! {
    /// A handler, or another future that works for a call that is served. Calls that it makes inherit from that call.
    pub(crate) struct Serving<F> {
        served: Option<Arc<dyn Served>>,
        span: Span,
        #[pin]
        future: F,
    }
}

impl<F> Serving<F> {
    /// Runs `future` for the call `served`, in `span`.
    pub(crate) fn new(served: Arc<dyn Served>, span: Span, future: F) -> Self {
        Self {
            served: Some(served),
            span,
            future,
        }
    }
}

#[cfg(feature = "metrics")]
impl<F> Serving<F> {
    /// Measures the handler of the call, if anything does.
    pub(crate) fn timer(&self) -> Option<&HandlerTimer> {
        self.served.as_ref()?.timer()
    }
}

impl<F: Future> Future for Serving<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _current = Current::enter(this.served);
        match this.span.is_disabled() {
            true => this.future.poll(cx),
            false => this.span.in_scope(|| this.future.poll(cx)),
        }
    }
}

/// Makes a call the current one of this thread until it is dropped. The handler's slot holds the one before meanwhile.
struct Current<'a>(&'a mut Option<Arc<dyn Served>>);

impl<'a> Current<'a> {
    fn enter(served: &'a mut Option<Arc<dyn Served>>) -> Self {
        Self::swap(served);
        Self(served)
    }

    fn swap(served: &mut Option<Arc<dyn Served>>) {
        // Without the thread-local, calls inherit nothing.
        let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), served));
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        Self::swap(self.0);
    }
}

/// Ready when the caller of the call that a handler serves has given up: then calls of the handler are withdrawn.
pub(crate) struct Withdrawal(Option<BoxFuture<'static, ()>>);

impl Withdrawal {
    /// Ready when the caller of `served` has given up; never, if it serves no call.
    pub(crate) fn with(served: Option<Arc<dyn Served>>) -> Self {
        Self(served.map(Served::abandoned))
    }

    /// The status of a call of a handler that serves nobody any more.
    pub(crate) fn status() -> Status {
        Status::cancelled("the caller of the call that this one serves has given up")
    }
}

impl Future for Withdrawal {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(abandoned) => abandoned.poll_unpin(cx),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Withdrawal")
            .field(&self.0.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    struct Call(u32);

    impl Served for Call {
        fn deadline(&self) -> Deadline {
            Deadline::none()
        }

        fn is_abandoned(&self) -> bool {
            self.0 == 0
        }

        fn abandoned(self: Arc<Self>) -> BoxFuture<'static, ()> {
            match self.0 {
                0 => ready(()).boxed(),
                _ => pending().boxed(),
            }
        }
    }

    fn serving<F>(call: u32, future: F) -> Serving<F> {
        Serving::new(Arc::new(Call(call)), Span::none(), future)
    }

    fn is_abandoned() -> Option<bool> {
        current().map(|served| served.is_abandoned())
    }

    #[test]
    fn a_handler_is_current_while_it_is_polled_also_within_another_and_after_a_panic() {
        assert_eq!(is_abandoned(), None);
        let inner = serving(0, async { is_abandoned() });
        let outer = serving(1, async {
            let before = is_abandoned();
            (before, inner.await, is_abandoned())
        });
        let seen = outer.now_or_never().expect("it waits for nothing");
        assert_eq!(seen, (Some(false), Some(true), Some(false)));
        assert_eq!(is_abandoned(), None);
        let panicking = serving(1, async { panic!("asked to panic") });
        let panicked = std::panic::AssertUnwindSafe(panicking).catch_unwind();
        assert!(panicked.now_or_never().expect("no wait").is_err());
        assert_eq!(is_abandoned(), None);
    }

    #[test]
    fn a_withdrawal_is_ready_once_the_served_call_is_abandoned() {
        assert!(Withdrawal::with(None).now_or_never().is_none());
        let of = |call| Withdrawal::with(Some(Arc::new(Call(call))));
        assert!(of(1).now_or_never().is_none());
        assert!(of(0).now_or_never().is_some());
    }
}
