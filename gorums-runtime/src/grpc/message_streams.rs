//! The streams of messages that a node is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tracing::Span;

use super::body::{HandedOver, MessageBody};
use super::codec::ReplyCodec;
use super::head::Head;
use super::link::Link;
use super::message_queue::{Message, MessageQueue, Queued};
use crate::deadline::Deadline;
use crate::node::Node;
use crate::node::WeakNode;

/// The streams of messages that one node is sent: one for each method that was called, kept open between its calls.
#[derive(Debug, Default)]
pub(crate) struct MessageStreams {
    /// By the methods' paths.
    open: Mutex<HashMap<String, Open>>,
}

/// A stream that is closed, and so ends once it has been sent what waits, when its node is dropped.
#[derive(Debug)]
struct Open(MessageQueue);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A message on its way to a node's stream.
#[derive(Debug)]
pub(crate) struct SentMessage {
    pub(crate) queued: Queued,
    /// Whether fewer messages than the node's limit waited already.
    pub(crate) had_room: bool,
    pub(crate) sent: oneshot::Receiver<HandedOver>,
}

impl MessageStreams {
    /// Sends `frame` on the node's stream of the method in `head`, which is opened if it is not open: behind the
    /// messages that were sent there before.
    pub(super) fn send(node: &Node, head: Arc<Head>, frame: Bytes) -> SentMessage {
        let (receipt, sent) = oneshot::channel();
        let message = Message {
            frame,
            start: Instant::now(),
            span: Span::current(),
            deadline: head.deadline(),
            receipt,
        };
        let (streams, tasks) = (node.message_streams(), node.tasks());
        let mut open = streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = match open.get(head.path().as_str()) {
            Some(Open(queue)) => queue.push(message),
            None => Err(message),
        };
        let queued = queued.unwrap_or_else(|message| {
            let (queue, queued) = MessageQueue::with(message);
            open.insert(head.path().to_string(), Open(queue.clone()));
            let stream = Running {
                queue,
                node: node.downgrade(),
            };
            tasks.spawn(stream.run(node.link(), head));
            queued
        });
        SentMessage {
            had_room: queued.before < node.one_way_limit(),
            queued,
            sent,
        }
    }
}

/// A stream that is open or being opened. Its queue ends with it, also when the manager closes or the node is removed.
struct Running {
    queue: MessageQueue,
    node: WeakNode,
}

impl Running {
    /// Opens the stream, sends what is queued, and takes in how it ends.
    async fn run(self, link: Link, head: Arc<Head>) {
        let start = Instant::now();
        let status = match self.answer(link, head).await {
            // The node was dropped, and the stream with it.
            Ok(()) if self.queue.is_drained() => return,
            Ok(()) => Status::unavailable("the server ended the stream of messages"),
            Err(status) => status,
        };
        // Once the connection is closed on this side, how it breaks tells nothing of the node.
        let open = |node: &Node| !node.tasks().closed().is_cancelled();
        let Some(node) = self.node.upgrade().filter(open) else {
            return;
        };
        let mut waiting = self.queue.end().peekable();
        if waiting.peek().is_none() {
            node.fail(start, status);
            return;
        }
        for message in waiting {
            let fail = || node.fail(message.start, status.clone());
            let status = message.span.in_scope(fail);
            // Nobody waits for a message that is detached.
            let _ = message.receipt.send(Err(status));
        }
    }

    /// What the server answers when it wants no more messages, or there are no more.
    async fn answer(&self, link: Link, head: Arc<Head>) -> Result<(), Status> {
        let body = Body::new(MessageBody::new(self.queue.clone()));
        let (mut client, request, path) =
            head.open(link.channel(), body, stream::pending()).await?;
        client
            .client_streaming(request, path, ReplyCodec::<()>::default())
            .await
            .map(drop)
            .map_err(|status| link.normalise(status, Deadline::after(None)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Messages that are waited for keep their node.
        let Some(node) = self.node.upgrade() else {
            return self.queue.end().for_each(drop);
        };
        for message in self.queue.end() {
            // Nobody waits for a message that is detached.
            let _ = message.receipt.send(Err(node.ended()));
        }
    }
}
