//! One request on the streams to the nodes of a configuration.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use prost::Message;
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::calls::Registration;
use super::frame::{Head, MethodName};
use super::inbox::{Event, Inbox};
use super::queue::Item;
use crate::deadline::Deadline;
use crate::{Method, Node, telemetry};

/// A call on the streams to its nodes. A stream of the nodes' replies and errors, in order of arrival.
///
/// Dropping it withdraws the call from the nodes that have not replied.
pub(crate) struct StreamFanOut<R> {
    nodes: Vec<Node>,
    inbox: Arc<Inbox>,
    /// None if there are no nodes, or no number for the call.
    registration: Option<Registration>,
    /// How many nodes may still reply.
    open: usize,
    sent: Instant,
    streams_replies: bool,
    /// Whether the nodes that have not replied go on.
    let_go: bool,
    _reply: PhantomData<fn() -> R>,
}

/// A node's request in the form in which it is sent, or why there is none.
type Frame = Result<Bytes, Status>;

impl<R: Message + Default + 'static> StreamFanOut<R> {
    /// Sends `request` to `nodes`, or to each the request of its own. A node whose queue is full fails at once.
    pub(crate) fn send<M: Method<Reply = R>>(
        nodes: Vec<(Node, Option<M::Request>)>,
        request: &M::Request,
        metadata: &MetadataMap,
    ) -> Self {
        let (call, frames) = Self::prepare::<M>(nodes, request, metadata);
        for (index, frame) in frames.into_iter().enumerate() {
            let sent = frame.and_then(|frame| {
                let (node, item) = (&call.nodes[index], call.item(index, frame));
                node.stream().send(call.number(), item)
            });
            if let Err(status) = sent {
                call.inbox.refuse(index, status);
            }
        }
        call
    }

    /// Sends `request` to one node, once there is room for it in the node's queue.
    pub(crate) async fn send_to_one<M: Method<Reply = R>>(
        node: Node,
        request: &M::Request,
        metadata: &MetadataMap,
    ) -> Self {
        let (call, frames) = Self::prepare::<M>(vec![(node, None)], request, metadata);
        for (index, frame) in frames.into_iter().enumerate() {
            let sent = match frame {
                Ok(frame) => {
                    let (node, item) = (&call.nodes[index], call.item(index, frame));
                    node.stream().send_when_room(call.number(), item).await
                }
                Err(status) => Err(status),
            };
            if let Err(status) = sent {
                call.inbox.refuse(index, status);
            }
        }
        call
    }

    /// A call that has its number, and what is to be sent to each node.
    fn prepare<M: Method<Reply = R>>(
        nodes: Vec<(Node, Option<M::Request>)>,
        request: &M::Request,
        metadata: &MetadataMap,
    ) -> (Self, Vec<Frame>) {
        let inbox = Inbox::new(M::DESCRIPTOR, nodes.iter().map(|(node, _)| node.id()));
        let inbox = Arc::new(inbox);
        let calls = nodes.first().map(|(node, _)| node.stream().calls().clone());
        let registration = calls
            .as_ref()
            .map(|calls| calls.register(Arc::clone(&inbox)));
        let (registration, refused) = match registration {
            Some(Ok(registration)) => (Some(registration), None),
            Some(Err(status)) => (None, Some(status)),
            None => (None, None),
        };
        let head = Head {
            number: registration.as_ref().map_or(0, Registration::number),
            method: Some(MethodName::Of(&M::DESCRIPTOR)),
            metadata: Some(metadata),
            ..Head::default()
        };
        let mut shared = None;
        let frame = |(node, own): &(Node, Option<M::Request>)| {
            if let Some(status) = &refused {
                return Err(status.clone());
            }
            if !calls
                .as_ref()
                .is_some_and(|calls| calls.are(node.stream().calls()))
            {
                return Err(Status::failed_precondition(
                    "the node belongs to another manager",
                ));
            }
            let encode = |request: &M::Request| {
                node.message_options()
                    .check_request_size(request.encoded_len())?;
                head.with(request)
            };
            match own {
                Some(own) => encode(own),
                None => shared.get_or_insert_with(|| encode(request)).clone(),
            }
        };
        let frames = nodes.iter().map(frame).collect();
        let call = Self {
            open: nodes.len(),
            nodes: nodes.into_iter().map(|(node, _)| node).collect(),
            inbox,
            registration,
            sent: Instant::now(),
            streams_replies: M::DESCRIPTOR.streams_replies(),
            let_go: false,
            _reply: PhantomData,
        };
        (call, frames)
    }

    /// The reply of the only node. The caller observes it.
    pub(crate) async fn only_reply(mut self) -> Result<R, Status> {
        let (_, event) = std::future::poll_fn(|cx| self.inbox.poll_next(cx)).await;
        let reply = match (event, self.nodes.first()) {
            (Event::Reply(payload), Some(node)) => decode(payload, node),
            (Event::Failed(status), _) => Err(status),
            _ => Err(Status::internal(
                "the node has ended a stream of replies that there is none of",
            )),
        };
        self.let_go = true;
        reply
    }

    fn take(&mut self, index: usize, event: Event) -> Option<(Node, Result<R, Status>)> {
        let node = self.nodes.get(index)?.clone();
        match event {
            Event::Reply(payload) => {
                let reply = decode(payload, &node);
                if !self.streams_replies || reply.is_err() {
                    self.open -= 1;
                }
                if self.streams_replies && reply.is_err() {
                    self.inbox.close(index);
                    node.stream().cancel(self.number());
                }
                let reply = match reply {
                    Ok(reply) if self.streams_replies => {
                        telemetry::replied(&node, self.sent.elapsed());
                        Ok(reply)
                    }
                    reply => node.observe(self.sent, reply),
                };
                Some((node, reply))
            }
            Event::End => {
                self.open -= 1;
                None
            }
            Event::Failed(status) => {
                self.open -= 1;
                let status = node.fail(self.sent, status);
                Some((node, Err(status)))
            }
        }
    }
}

fn decode<R: Message + Default>(payload: Bytes, node: &Node) -> Result<R, Status> {
    let most = node.message_options().max_reply_size;
    let bytes = payload.len();
    if bytes > most {
        let text = format!("the reply has {bytes} bytes, and {most} are taken");
        return Err(Status::out_of_range(text));
    }
    R::decode(payload)
        .map_err(|error| Status::internal(format!("the reply does not decode: {error}")))
}

impl<R> StreamFanOut<R> {
    /// How many nodes may still reply.
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// Withdraws the call because its deadline has passed, and returns the nodes that have not replied.
    pub(crate) fn withdraw_late(&mut self) -> Vec<Node> {
        let late = self.withdraw();
        self.open = 0;
        for node in &late {
            node.fail(self.sent, Deadline::exceeded());
        }
        late
    }

    /// Lets the call go on without its caller. Nothing is left of it here: late replies are ignored.
    pub(crate) fn let_go(mut self) {
        self.let_go = true;
    }

    fn withdraw(&mut self) -> Vec<Node> {
        let Some(registration) = self.registration.take() else {
            return Vec::new();
        };
        self.inbox.withdraw();
        let outstanding = self.inbox.outstanding();
        let nodes: Vec<_> = outstanding
            .into_iter()
            .filter_map(|index| self.nodes.get(index).cloned())
            .collect();
        for node in &nodes {
            node.stream().cancel(registration.number());
        }
        nodes
    }

    fn number(&self) -> u64 {
        self.registration.as_ref().map_or(0, Registration::number)
    }

    fn item(&self, index: usize, frame: Bytes) -> Item {
        Item::request(frame, Arc::clone(&self.inbox), index)
    }
}

// Nothing in it is pinned.
impl<R> Unpin for StreamFanOut<R> {}

impl<R: Message + Default + 'static> Stream for StreamFanOut<R> {
    type Item = (Node, Result<R, Status>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.open > 0 {
            let (index, event) = ready!(self.inbox.poll_next(cx));
            if let Some(outcome) = self.take(index, event) {
                return Poll::Ready(Some(outcome));
            }
        }
        Poll::Ready(None)
    }
}

impl<R> Drop for StreamFanOut<R> {
    fn drop(&mut self) {
        if !self.let_go {
            self.withdraw();
        }
    }
}
