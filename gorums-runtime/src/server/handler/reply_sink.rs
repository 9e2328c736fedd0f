//! Streams of replies.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use futures::{FutureExt, Stream};
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::attended::guarded;
use super::call_limits::too_late;
use super::context::Context;
use super::pacing::Pacing;
use super::peers::Visit;
use super::reply_to::ReplyTo;
use crate::wire::Unread;

/// Where a handler sends the replies of a method that `returns (stream ...)`.
///
/// The stream ends when the handler has returned and the sink is dropped. Replies that the caller has not taken yet are
/// bounded: beyond [`CAPACITY`](Self::CAPACITY), and what HTTP/2 holds, sending waits for the caller. On a node stream,
/// which all calls of a client share, it waits for room among [their replies](crate::server::StreamLimits::replies).
pub struct ReplySink<T>(SinkTarget<T>);

enum SinkTarget<T> {
    /// The response to a plain gRPC call.
    Response {
        replies: mpsc::Sender<Unsent<T>>,
        unread: Option<Arc<Unread>>,
    },
    /// A node stream. Dropping the sender tells that there are no more replies, or why there cannot be.
    Stream {
        to: ReplyTo,
        context: Context,
        more: Mutex<Option<oneshot::Sender<Status>>>,
    },
}

impl<T> ReplySink<T> {
    /// How many replies a stream holds that the transport has not taken.
    pub const CAPACITY: usize = 16;

    /// A sink on a node stream, and what ends when it is dropped, or a reply cannot be sent.
    pub(super) fn on_stream(
        context: Context,
        to: ReplyTo,
    ) -> (
        Self,
        impl Future<Output = Result<(), Status>> + Send + use<T>,
    ) {
        let (more, emptied) = oneshot::channel();
        let sink = Self(SinkTarget::Stream {
            to,
            context,
            more: Mutex::new(Some(more)),
        });
        (sink, emptied.map(|failed| failed.map_or(Ok(()), Err)))
    }
}

impl<T: Message> ReplySink<T> {
    /// Sends a reply, once there is room for it.
    ///
    /// # Errors
    ///
    /// `Cancelled` when the caller has lost interest; a handler can return it with `?`. On a node stream, `OutOfRange`
    /// when the reply is larger than [`max_reply_size`](crate::server::ReplicaServer::max_reply_size), which ends the call with
    /// that whatever the handler returns; over plain gRPC the call ends so, and the next reply is `Cancelled`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it has ended sends nothing.
    pub async fn send(&self, reply: T) -> Result<(), Status> {
        let cancelled = || Status::cancelled("the caller has lost interest in the replies");
        match &self.0 {
            SinkTarget::Response { replies, unread } => {
                if let Some(unread) = unread {
                    tokio::select! {
                        biased;
                        () = poll_fn(|cx| unread.poll_room(cx)) => {}
                        () = replies.closed() => return Err(cancelled()),
                    }
                }
                let room = replies.reserve().await.map_err(|_| cancelled())?;
                room.send(Unsent::new(reply, unread.as_ref()));
                Ok(())
            }
            SinkTarget::Stream { to, context, more } => {
                if context.is_cancelled() {
                    return Err(cancelled());
                }
                tokio::select! {
                    biased;
                    sent = to.send(&reply) => sent.inspect_err(|status| {
                        let mut more = more.lock().unwrap_or_else(PoisonError::into_inner);
                        // Nobody listens when the call has ended.
                        let _ = more.take().map(|more| more.send(status.clone()));
                    }),
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

/// A reply, or a status, that HTTP/2 has not been given.
struct Unsent<T> {
    reply: Option<Result<T, Status>>,
    bytes: usize,
    unread: Option<Arc<Unread>>,
}

impl<T: Message> Unsent<T> {
    fn new(reply: T, unread: Option<&Arc<Unread>>) -> Self {
        let bytes = unread.map_or(0, |_| reply.encoded_len());
        if let Some(unread) = unread {
            unread.add(bytes);
        }
        Self {
            reply: Some(Ok(reply)),
            bytes,
            unread: unread.cloned(),
        }
    }
}

impl<T> Unsent<T> {
    fn failure(status: Status) -> Self {
        Self {
            reply: Some(Err(status)),
            bytes: 0,
            unread: None,
        }
    }
}

impl<T> Drop for Unsent<T> {
    fn drop(&mut self) {
        if let Some(unread) = &self.unread {
            unread.subtract(self.bytes);
        }
    }
}

/// The replies that a handler sends, and the status that it ends with.
pub(super) struct ReplyStream<T> {
    replies: mpsc::Receiver<Unsent<T>>,
    context: Context,
    /// How long the handler may take, and what goes off then.
    limit: Option<(Duration, Pin<Box<Sleep>>)>,
    /// What the client does not read is counted for as long as the stream is here.
    _visit: Option<Visit>,
}

impl<T: Send + 'static> ReplyStream<T> {
    /// Starts the handler that `handle` makes for a sink, which may take as long as `limit` says.
    pub(super) fn start<F>(
        context: Context,
        pacing: &Pacing,
        limit: Option<Duration>,
        handle: impl FnOnce(ReplySink<T>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let (sender, replies) = mpsc::channel(ReplySink::<T>::CAPACITY);
        let visit = pacing.visit(context.peer_address());
        let handler = handle(ReplySink(SinkTarget::Response {
            replies: sender.clone(),
            unread: visit.as_ref().map(|visit| Arc::clone(visit.unread())),
        }));
        let handler = guarded(context.method(), handler);
        // In a task of its own the handler does not depend on how fast its caller reads.
        tokio::spawn(async move {
            if let Err(status) = handler.await {
                // A caller that has lost interest does not hear of it.
                let _ = sender.send(Unsent::failure(status)).await;
            }
        });
        Self {
            replies,
            context,
            limit: limit.map(|limit| (limit, Box::pin(sleep(limit)))),
            _visit: visit,
        }
    }
}

impl<T> Stream for ReplyStream<T> {
    type Item = Result<T, Status>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        if let Some((limit, late)) = &mut self.limit
            && late.as_mut().poll(cx).is_ready()
        {
            let status = too_late(*limit);
            self.limit = None;
            self.replies.close();
            return Poll::Ready(Some(Err(status)));
        }
        let next = ready!(self.replies.poll_recv(cx));
        Poll::Ready(next.and_then(|mut unsent| unsent.reply.take()))
    }
}

impl<T> Drop for ReplyStream<T> {
    fn drop(&mut self) {
        self.context.abandon();
    }
}
