//! Streams of replies.

use std::fmt;
use std::pin::Pin;
use std::task::Poll;

use futures::Stream;
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::Context;
use super::attended::guarded;
use super::stream::ReplyTo;

/// Where a handler sends the replies of a method that `returns (stream ...)`.
///
/// The stream ends when the handler has returned and the sink is dropped. Replies that the caller has not taken yet are
/// bounded: beyond [`CAPACITY`](Self::CAPACITY), and what HTTP/2 holds, sending waits for the caller. On a node stream,
/// which all calls of a client share, it waits for room among [their replies](crate::StreamLimits::replies).
pub struct ReplySink<T>(To<T>);

enum To<T> {
    /// The response to a plain gRPC call.
    Response(mpsc::Sender<Result<T, Status>>),
    /// A node stream. Dropping the sender tells that there are no more.
    Stream {
        to: ReplyTo,
        context: Context,
        _more: oneshot::Sender<()>,
    },
}

impl<T> ReplySink<T> {
    /// How many replies a stream holds that the transport has not taken.
    pub const CAPACITY: usize = 16;

    /// A sink on a node stream, and what ends when it is dropped.
    pub(super) fn on_stream(
        context: Context,
        to: ReplyTo,
    ) -> (Self, impl Future<Output = ()> + Send + use<T>) {
        let (more, emptied) = oneshot::channel();
        let sink = Self(To::Stream {
            to,
            context,
            _more: more,
        });
        // It is never sent on: the error is the end.
        (sink, async move { drop(emptied.await) })
    }
}

impl<T: Message> ReplySink<T> {
    /// Sends a reply, once there is room for it.
    ///
    /// # Errors
    ///
    /// `Cancelled` when the caller has lost interest; a handler can return it with `?`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it has ended sends nothing.
    pub async fn send(&self, reply: T) -> Result<(), Status> {
        let cancelled = || Status::cancelled("the caller has lost interest in the replies");
        match &self.0 {
            To::Response(replies) => {
                let room = replies.reserve().await.map_err(|_| cancelled())?;
                room.send(Ok(reply));
                Ok(())
            }
            To::Stream { to, context, .. } => {
                if context.is_cancelled() {
                    return Err(cancelled());
                }
                tokio::select! {
                    biased;
                    sent = to.send(&reply) => sent,
                    () = context.cancelled() => Err(cancelled()),
                }
            }
        }
    }
}

impl<T> fmt::Debug for ReplySink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplySink")
    }
}

/// The replies that a handler sends, and the status that it ends with.
pub(super) struct ReplyStream<T> {
    replies: mpsc::Receiver<Result<T, Status>>,
    context: Context,
}

impl<T: Send + 'static> ReplyStream<T> {
    /// Starts the handler that `handle` makes for a sink.
    pub(super) fn start<F>(context: Context, handle: impl FnOnce(ReplySink<T>) -> F) -> Self
    where
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let (sender, replies) = mpsc::channel(ReplySink::<T>::CAPACITY);
        let handler = handle(ReplySink(To::Response(sender.clone())));
        let handler = guarded(context.method(), handler);
        // In a task of its own the handler does not depend on how fast its caller reads.
        tokio::spawn(async move {
            if let Err(status) = handler.await {
                // A caller that has lost interest does not hear of it.
                let _ = sender.send(Err(status)).await;
            }
        });
        Self { replies, context }
    }
}

impl<T> Stream for ReplyStream<T> {
    type Item = Result<T, Status>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.replies.poll_recv(cx)
    }
}

impl<T> Drop for ReplyStream<T> {
    fn drop(&mut self) {
        self.context.abandon();
    }
}
