//! The unanswered requests of a stream.

use std::future::poll_fn;
use std::task::{self, Poll};

use futures::FutureExt;
use tokio::task::JoinSet;
use tonic::Status;

use super::backlog::Backlog;
use super::held_turn::{HeldTurn, Holder};
use super::named_clients::Turn;
use super::released_handlers::{HandlerId, ReleasedHandlers};
use crate::call::MethodDescriptor;
use crate::metrics::HandlerBurst;
use crate::server::handler::{Context, Handling, PeerBacklog, StreamLimits};
use crate::support::{Panicked, guard};

/// The unanswered requests of a stream.
#[derive(Default)]
pub(super) struct Work {
    /// The requests that wait for their turn.
    pub(super) backlog: Backlog,
    /// The call whose turn it is.
    current: Option<Begun>,
    /// How many calls have had the turn.
    begun: u64,
    held_turn: HeldTurn,
    /// Its handler, or the memory for the next one.
    handling: Handling,
    /// The memory for the next call's context.
    context: Option<Context>,
    /// The handlers that were released.
    released: JoinSet<(HandlerId, Result<(), Status>)>,
    /// Their contexts.
    running: ReleasedHandlers,
    /// The stream's turn among those of its client, if the client names itself.
    pub(super) turn: Option<Turn>,
    /// The index of the method that the last request called.
    pub(super) last_method: usize,
    /// Whether the stream takes no more requests.
    pub(super) closed: bool,
    pub(super) burst: HandlerBurst,
    /// How many requests wait, as far as the metrics know.
    pub(super) noted: usize,
}

/// A call whose handler has begun.
struct Begun {
    number: u64,
    context: Context,
}

impl Work {
    /// No requests yet. Those that wait will count among those of the stream's peer.
    pub(super) fn new(peer_backlog: PeerBacklog) -> Self {
        Self {
            backlog: Backlog::new(peer_backlog),
            ..Self::default()
        }
    }

    /// Takes the memory for the next context.
    #[inline]
    pub(super) fn spare_context(&mut self) -> Option<Context> {
        self.context.take()
    }

    /// Gives a call its turn: `handle` begins to handle it. If that panics, no call has the turn.
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
        self.begun += 1;
        Ok(())
    }

    /// Ready when a handler has returned, or the one whose turn it is was released.
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
                // A join error does not say which handler it was.
                Err(error) if error.is_panic() => {
                    return Poll::Ready(Err(Status::internal("a handler's reply panicked")));
                }
                // An aborted handler has no outcome.
                Err(_) => {}
            }
        }
        Poll::Pending
    }

    /// Looks, when the stream cannot go on, whether a handler keeps its turn for long while requests wait. Returns the call
    /// of a handler that the client is to be told of.
    #[inline]
    pub(super) fn watch_turn(
        &mut self,
        cx: &mut task::Context<'_>,
    ) -> Option<(u64, &'static MethodDescriptor)> {
        let Self {
            backlog,
            current,
            begun,
            held_turn,
            ..
        } = self;
        let current = current.as_ref().filter(|_| !backlog.is_empty());
        let holder = current.map(|Begun { context, .. }| Holder {
            handler: *begun,
            context,
            waiting: backlog.len(),
        });
        let is_told = held_turn.look(holder.as_ref(), cx);
        let begun = current.filter(|_| is_told)?;
        Some((begun.number, begun.context.method()))
    }

    /// Whether another request may begin.
    #[inline]
    pub(super) fn has_turn(&self, limits: &StreamLimits) -> bool {
        self.current.is_none() && self.released.len() < limits.handlers
    }

    /// Whether all requests are handled and no more can come.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.closed && self.current.is_none() && self.backlog.is_empty() && self.released.is_empty()
    }

    /// Lets the handler whose turn it is run concurrently with the next ones.
    fn release(&mut self) {
        if let Some(Begun { number, context }) = self.current.take() {
            let id = self.running.insert(number, context);
            let handling = std::mem::take(&mut self.handling);
            self.released
                .spawn(handling.map(move |outcome| (id, outcome)));
        }
    }

    /// Cancels the client's calls with this number.
    pub(super) fn cancel(&mut self, number: u64) {
        let current = self.current.as_ref();
        if let Some(begun) = current.filter(|begun| begun.number == number) {
            begun.context.abandon();
        }
        self.running.cancel(number);
        self.backlog.withdraw(number);
    }

    /// Cancels all contexts, and lets the running handlers end in the background. Drops the requests that wait.
    pub(super) fn abandon(mut self) {
        self.running.cancel_all();
        self.released.detach_all();
        if let Some(begun) = self.current.take() {
            begun.context.abandon();
            tokio::spawn(finish(self.handling, begun.context, self.turn));
        }
    }
}

/// Lets a handler run to its end. The client's next stream gets its turn as soon as the next request would have.
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
