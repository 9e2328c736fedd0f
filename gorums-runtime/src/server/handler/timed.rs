//! Measures how long handlers take.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::call::Serving;
use crate::metrics::Began;

pin_project! {
    /// A handler whose time is measured, unless nothing measures it.
    pub(crate) struct Timed<F> {
        #[pin]
        handler: Serving<F>,
        state: State,
    }

    impl<F> PinnedDrop for Timed<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let (began, code) = match *this.state {
                State::Waits(began) => (began, Code::Cancelled),
                // Its poll did not return.
                State::Runs(began) => (began, Code::Internal),
                State::Ended => return,
            };
            if let (Some(began), Some(timer)) = (began, this.handler.timer()) {
                timer.end(began, code);
            }
        }
    }
}

/// What a handler does, and when it began, if it is measured.
#[derive(Clone, Copy)]
enum State {
    Waits(Option<Began>),
    Runs(Option<Began>),
    Ended,
}

/// What a handler returns.
pub(crate) trait Outcome {
    /// The status code of the call.
    fn code(&self) -> Code;
}

/// Of one-way calls.
impl Outcome for () {
    fn code(&self) -> Code {
        Code::Ok
    }
}

impl<T> Outcome for Result<T, Status> {
    fn code(&self) -> Code {
        self.as_ref().err().map_or(Code::Ok, Status::code)
    }
}

impl<F> Timed<F> {
    /// Measures a handler that begins.
    #[inline]
    pub(super) fn new(handler: Serving<F>) -> Self {
        let began = handler.timer().and_then(|timer| timer.began());
        Self {
            handler,
            state: State::Waits(began),
        }
    }
}

impl<F: Future<Output: Outcome>> Future for Timed<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let State::Waits(began) = *this.state else {
            return this.handler.poll(cx);
        };
        *this.state = State::Runs(began);
        let polled = this.handler.as_mut().poll(cx);
        *this.state = match &polled {
            // Only handlers that end at once may be untimed.
            Poll::Pending => State::Waits(began.map(|began| match began {
                Began::Untimed => Began::At(Instant::now()),
                timed => timed,
            })),
            Poll::Ready(outcome) => {
                if let Some(began) = began
                    && let Some(timer) = this.handler.timer()
                {
                    timer.end(began, outcome.code());
                }
                State::Ended
            }
        };
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_call_is_that_of_what_its_handler_returns() {
        assert_eq!(().code(), Code::Ok);
        assert_eq!(Ok::<_, Status>(1).code(), Code::Ok);
        assert_eq!(Err::<u8, _>(Status::aborted("")).code(), Code::Aborted);
    }
}
