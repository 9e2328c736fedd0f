//! The requests of a stream that are not answered yet.

use std::future::poll_fn;
use std::task::{self, Poll};

use futures::FutureExt;
use tokio::task::JoinSet;
use tonic::Status;

use super::backlog::Backlog;
use super::clients::Turn;
use super::released_handlers::{HandlerId, ReleasedHandlers};
use crate::server::handler::{Context, Handling, StreamLimits};
use crate::support::{Panicked, guard};

/// The requests of a stream that are not answered yet.
#[derive(Default)]
pub(super) struct Work {
    /// Those that wait for their turn.
    pub(super) backlog: Backlog,
    /// The one whose turn it is.
    current: Option<Begun>,
    /// Its handler, or the memory for the next one.
    handling: Handling,
    /// The memory for the next one's context.
    context: Option<Context>,
    /// Those whose turn is over.
    released: JoinSet<(HandlerId, Result<(), Status>)>,
    /// What these know of their calls.
    running: ReleasedHandlers,
    /// The turn of the stream among those of its client, if that names itself.
    pub(super) turn: Option<Turn>,
    /// The index of the last request's method.
    pub(super) last_method: usize,
    /// Whether no more requests are taken.
    pub(super) closed: bool,
}

/// A call whose handler has begun.
struct Begun {
    number: u64,
    context: Context,
}

impl Work {
    /// The memory for the next context.
    #[inline]
    pub(super) fn spare_context(&mut self) -> Option<Context> {
        self.context.take()
    }

    /// Gives a call its turn: `handle` begins to handle it. If that panics, nobody does.
    #[inline]
    pub(super) fn begin(
        &mut self,
        number: u64,
        context: Context,
        handle: impl FnOnce(Context, &mut Handling),
    ) -> Result<(), Panicked> {
        let handling = &mut self.handling;
        guard(|| handle(context.clone(), handling))
            .inspect_err(|_| *handling = Handling::default())?;
        self.current = Some(Begun { number, context });
        Ok(())
    }

    /// Ready when one of the handlers has returned, or the one whose turn it is was released.
    #[inline]
    pub(super) fn poll_handlers(
        &mut self,
        limits: &StreamLimits,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Status>> {
        if let Some(begun) = &mut self.current {
            if let Poll::Ready(outcome) = self.handling.poll_unpin(cx) {
                let context = self.current.take().map(|begun| begun.context);
                self.context = context.and_then(Context::recycle);
                return Poll::Ready(outcome);
            }
            let may_release = self.released.len() + 1 < limits.handlers;
            if may_release && begun.context.poll_released(cx).is_ready() {
                self.release();
                return Poll::Ready(Ok(()));
            }
        }
        while !self.released.is_empty()
            && let Poll::Ready(Some(ended)) = self.released.poll_join_next(cx)
        {
            match ended {
                Ok((id, outcome)) => {
                    self.running.remove(id);
                    return Poll::Ready(outcome);
                }
                // Which one it was is not known any more.
                Err(error) if error.is_panic() => {
                    return Poll::Ready(Err(Status::internal("a handler's reply panicked")));
                }
                // One that was aborted has nothing to say.
                Err(_) => {}
            }
        }
        Poll::Pending
    }

    /// Whether a request may begin to be handled.
    #[inline]
    pub(super) fn has_turn(&self, limits: &StreamLimits) -> bool {
        self.current.is_none() && self.released.len() < limits.handlers
    }

    /// Whether nothing is left to be handled, and nothing comes.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.closed && self.current.is_none() && self.backlog.is_empty() && self.released.is_empty()
    }

    /// Lets the handler whose turn it is go on beside the others.
    fn release(&mut self) {
        if let Some(Begun { number, context }) = self.current.take() {
            let id = self.running.insert(number, context);
            let handling = std::mem::take(&mut self.handling);
            self.released
                .spawn(handling.map(move |outcome| (id, outcome)));
        }
    }

    /// Notes that the client has lost interest in the calls with a number.
    pub(super) fn cancel(&mut self, number: u64) {
        let current = self.current.as_ref();
        if let Some(begun) = current.filter(|begun| begun.number == number) {
            begun.context.abandon();
        }
        self.running.cancel(number);
        self.backlog.withdraw(number);
    }

    /// Lets the handlers run to their ends without anybody waiting for them. What has not begun never does.
    pub(super) fn abandon(mut self) {
        self.running.cancel_all();
        self.released.detach_all();
        if let Some(begun) = self.current.take() {
            begun.context.abandon();
            tokio::spawn(finish(self.handling, begun.context, self.turn));
        }
    }
}

/// Lets a handler run to its end. The next stream of the client has its turn when the next request would have had.
async fn finish(mut handling: Handling, context: Context, turn: Option<Turn>) {
    let released = poll_fn(|cx| context.poll_released(cx));
    tokio::select! {
        biased;
        _ = &mut handling => return,
        () = released => {}
    }
    drop(turn);
    // Nobody waits for its outcome.
    let _ = handling.await;
}
