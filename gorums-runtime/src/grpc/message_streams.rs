//! The streams of messages to one node, one per client-streaming method.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tracing::Span;

use super::body::MessageBody;
use super::codec::ReplyCodec;
use super::message_queue::{MessageQueue, OutgoingMessage, Queued};
use super::request_head::RequestHead;
use crate::call::{Deadline, HandedOver};
use crate::connection::Link;
use crate::node_info::NodeInfo;

/// The streams of messages to one node: one for each method that was called, kept open between its calls.
#[derive(Debug)]
pub(crate) struct MessageStreams {
    info: Arc<NodeInfo>,
    link: Link,
    /// How many messages of one method may wait before an unawaited call drops its own.
    limit: usize,
    /// By the methods' paths.
    open: Mutex<HashMap<String, Open>>,
}

/// An open stream. When its node is dropped, the stream is closed and ends once the waiting messages are sent.
#[derive(Debug)]
struct Open(MessageQueue);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A message that was put on a node's stream.
#[derive(Debug)]
pub(crate) struct SentMessage {
    pub(crate) queued: Queued,
    /// Whether fewer messages than the limit were already waiting.
    pub(crate) had_room: bool,
    pub(crate) sent: oneshot::Receiver<HandedOver>,
}

impl MessageStreams {
    /// Creates the streams to the node of `info`; none is open yet.
    pub(crate) fn new(info: Arc<NodeInfo>, link: Link, limit: usize) -> Self {
        Self {
            info,
            link,
            limit,
            open: Mutex::default(),
        }
    }

    /// Enqueues `frame` on the stream of the method in `head`. Opens the stream if necessary.
    pub(super) fn send(&self, head: Arc<RequestHead>, frame: Bytes) -> SentMessage {
        let (receipt, sent) = oneshot::channel();
        let message = OutgoingMessage {
            frame,
            start: Instant::now(),
            span: Span::current(),
            deadline: head.deadline(),
            receipt,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = match open.get(head.path().as_str()) {
            Some(Open(queue)) => queue.push(message),
            None => Err(message),
        };
        let queued = queued.unwrap_or_else(|message| {
            let (queue, queued) = MessageQueue::with(message);
            open.insert(head.path().to_string(), Open(queue.clone()));
            let stream = MessageStream {
                queue,
                info: Arc::clone(&self.info),
            };
            self.info.tasks.spawn(stream.run(self.link.clone(), head));
            queued
        });
        SentMessage {
            had_room: queued.before < self.limit,
            queued,
            sent,
        }
    }
}

/// A stream that is open or being opened. Its queue ends with it, even if the manager closes or the node is removed.
struct MessageStream {
    queue: MessageQueue,
    info: Arc<NodeInfo>,
}

impl MessageStream {
    /// Opens the stream, sends the queued messages, and reports how the stream ends.
    async fn run(self, link: Link, head: Arc<RequestHead>) {
        let start = Instant::now();
        let status = match self.answer(link, head).await {
            // The node was dropped, and the stream with it.
            Ok(()) if self.queue.is_drained() => return,
            Ok(()) => Status::unavailable("the server ended the stream of messages"),
            Err(status) => status,
        };
        // The client has closed the connection, so how it breaks says nothing about the node.
        if self.info.is_closed() {
            return;
        }
        let mut waiting = self.queue.end().peekable();
        if waiting.peek().is_none() {
            self.info.fail(start, status);
            return;
        }
        for message in waiting {
            let fail = || self.info.fail(message.start, status.clone());
            let status = message.span.in_scope(fail);
            // Fails only if the call was detached.
            let _ = message.receipt.send(Err(status));
        }
    }

    /// Waits for the server's reply, which it sends when it wants no more messages or there are none.
    async fn answer(&self, link: Link, head: Arc<RequestHead>) -> Result<(), Status> {
        let body = Body::new(MessageBody::new(self.queue.clone()));
        let (mut client, request, path) = head.open(&link, body, stream::pending()).await?;
        client
            .client_streaming(request, path, ReplyCodec::<()>::default())
            .await
            .map(drop)
            .map_err(|status| link.normalise(status, Deadline::after(None)))
    }
}

impl Drop for MessageStream {
    fn drop(&mut self) {
        for message in self.queue.end() {
            // Fails only if the call was detached.
            let _ = message.receipt.send(Err(self.info.ended()));
        }
    }
}
