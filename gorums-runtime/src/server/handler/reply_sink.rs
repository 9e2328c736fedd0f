//! Streams the replies of a handler to its caller.

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
use super::context::Context;
use super::pacing::Pacing;
use super::peers::Visit;
use super::reply_to::ReplyTo;
use super::too_late::too_late;
use crate::call::MessageSize;
use crate::wire::Unread;

/// Where a handler sends the replies of a method that `returns (stream ...)`.
///
/// The stream ends once the handler has returned and the sink is dropped. Sending exerts back-pressure. Over plain gRPC
/// it waits once [`CAPACITY`](Self::CAPACITY) replies wait for HTTP/2 to take them. On a node stream, which all calls
/// of a client share, it waits for room within the [stream's limit](crate::server::StreamLimits::replies).
pub struct ReplySink<T>(SinkTarget<T>);

enum SinkTarget<T> {
    /// The response to a plain gRPC call.
    Response {
        replies: mpsc::Sender<Unsent<T>>,
        unread: Option<Arc<Unread>>,
        most: MessageSize,
    },
    /// A node stream. Dropping `more` reports that no replies follow; sending on it reports why none can.
    Stream {
        to: ReplyTo,
        context: Context,
        more: Mutex<Option<oneshot::Sender<Status>>>,
    },
}

impl<T> ReplySink<T> {
    /// How many replies of a plain gRPC call wait until HTTP/2 takes them.
    pub const CAPACITY: usize = 16;

    /// Returns a sink on a node stream, and a future that ends when the sink is dropped or fails to send a reply.
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
    /// Waits until there is room for the reply, and enqueues it.
    ///
    /// # Errors
    ///
    /// `Cancelled` if the caller no longer waits; the handler can return it with `?`.
    ///
    /// `OutOfRange` if the reply is larger than [`max_message_size`](crate::Server::max_message_size). The call ends
    /// with this error, whatever the handler returns.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing is sent.
    pub async fn send(&self, reply: T) -> Result<(), Status> {
        let cancelled = || Status::cancelled("the caller no longer waits for replies");
        match &self.0 {
            SinkTarget::Response {
                replies,
                unread,
                most,
            } => {
                if let Some(unread) = unread {
                    tokio::select! {
                        biased;
                        () = poll_fn(|cx| unread.poll_room(cx)) => {}
                        () = replies.closed() => return Err(cancelled()),
                    }
                }
                let room = replies.reserve().await.map_err(|_| cancelled())?;
                let checked = most.check("reply", reply.encoded_len());
                room.send(match &checked {
                    Ok(()) => Unsent::new(reply, unread.as_ref()),
                    Err(status) => Unsent::failure(status.clone()),
                });
                checked
            }
            SinkTarget::Stream { to, context, more } => {
                if context.is_cancelled() {
                    return Err(cancelled());
                }
                tokio::select! {
                    biased;
                    sent = to.send(&reply) => sent.inspect_err(|status| {
                        let mut more = more.lock().unwrap_or_else(PoisonError::into_inner);
                        // Fails only if the call has ended.
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

/// A reply or a status that HTTP/2 has not taken yet.
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

/// The replies of a handler, and the status that it ends with.
pub(super) struct ReplyStream<T> {
    replies: mpsc::Receiver<Unsent<T>>,
    context: Context,
    /// How long the handler may take, and the timer of that.
    limit: Option<(Duration, Pin<Box<Sleep>>)>,
    /// Counts the unread replies of the client while this stream exists.
    _visit: Option<Visit>,
}

impl<T: Send + 'static> ReplyStream<T> {
    /// Starts the handler that `handle` makes from a sink. `limit` bounds its time.
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
            most: pacing.max_message_size,
        }));
        let handler = guarded(context.method(), handler);
        // A task of its own keeps the handler independent of how fast its caller reads.
        tokio::spawn(async move {
            if let Err(status) = handler.await {
                // Fails only if the caller no longer waits.
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
