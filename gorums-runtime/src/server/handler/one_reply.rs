//! Runs a handler that returns one reply.

use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use prost::Message;
use tonic::Status;

use super::attended;
use super::context::Context;
use super::reply_to::ReplyTo;
use super::too_late::too_late;
use crate::call::{Alarm, Deadline};
use crate::support::guard;

pin_project! {
    /// Runs a handler that returns one reply, and sends that reply.
    ///
    /// Every two-way call of a stream is one. The combinators of `futures` take more instructions for the same, and an
    /// async block is larger to move to its place.
    pub(super) struct OneReply<F> {
        // Both are dropped when the handler ends, because the memory of this struct is kept for the next one.
        #[pin]
        handler: Option<F>,
        context: Option<Context>,
        to: ReplyTo,
        limit: Option<Box<Limit>>,
    }
}

/// How long a handler may take.
struct Limit {
    time: Duration,
    alarm: Alarm,
    /// Whether the caller already has the answer that the time is up.
    is_told: bool,
}

impl<F> OneReply<F> {
    /// Creates it. The time of `handler` begins now. If it takes too long, the caller is answered, and `handler` still
    /// runs to its end.
    pub(super) fn new(handler: F, context: Context, to: ReplyTo) -> Self {
        let limit = to.timeout.map(|time| {
            Box::new(Limit {
                time,
                alarm: Deadline::after(Some(time)).alarm(),
                is_told: false,
            })
        });
        Self {
            handler: Some(handler),
            context: Some(context),
            to,
            limit,
        }
    }
}

impl<F, R> Future for OneReply<F>
where
    F: Future<Output = Result<R, Status>>,
    R: Message,
{
    type Output = Result<(), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let framing = this.to.framing;
        let (Some(handler), Some(context)) = (this.handler.as_mut().as_pin_mut(), &*this.context)
        else {
            return Poll::Ready(Ok(()));
        };
        // Encoding may run the user's code, too, and needs the same guard.
        let framed = guard(|| match handler.poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(outcome.and_then(|reply| framing.frame(&reply))),
            Poll::Pending => Poll::Pending,
        });
        let framed =
            framed.unwrap_or_else(|it| Poll::Ready(Err(attended::panicked(framing.method, &it))));
        if let Poll::Ready(framed) = framed {
            let is_told = this.limit.as_ref().is_some_and(|limit| limit.is_told);
            let nobody_waits = is_told || context.is_abandoned();
            this.handler.set(None);
            *this.context = None;
            return Poll::Ready(match nobody_waits {
                true => Ok(()),
                false => this.to.answer(framed),
            });
        }
        if let Some(limit) = this.limit
            && !limit.is_told
        {
            ready!(Pin::new(&mut limit.alarm).poll(cx));
            limit.is_told = true;
            if !context.is_abandoned() {
                this.to.answer(Err(too_late(limit.time)))?;
            }
        }
        Poll::Pending
    }
}
