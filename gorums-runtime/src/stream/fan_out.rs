//! One request on the streams to the nodes of a configuration.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use prost::Message;
use smallvec::SmallVec;
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::calls::{Calls, Registration};
use super::frame::Frame;
use super::head::{Head, MethodName};
use super::inbox::{Event, Inbox};
use super::pending::Owner;
use super::stragglers::Straggler;
use crate::deadline::Deadline;
use crate::fan_out::{PerNode, USUAL_NODES};
use crate::{Configuration, Method, MethodDescriptor, Node, telemetry};

/// A call on the streams to the nodes of a configuration. A stream of the nodes' replies and errors, in order of
/// arrival.
///
/// Dropping it withdraws the call from the nodes that have not replied.
pub(crate) struct StreamFanOut<R> {
    configuration: Configuration,
    inbox: Arc<Inbox>,
    /// None once the call is withdrawn, or if there was no number for it.
    registration: Option<Registration>,
    /// How many nodes may still reply.
    open: usize,
    sent: Instant,
    deadline: Deadline,
    streams_replies: bool,
    _reply: PhantomData<fn() -> R>,
}

impl<R: Message + Default + 'static> StreamFanOut<R> {
    /// Sends `request` to the nodes of `configuration`, in its order, or what `per_node` makes of it for each, if it
    /// makes one. A node whose queue is full fails at once.
    pub(crate) fn send<M: Method<Reply = R>>(
        configuration: &Configuration,
        request: &M::Request,
        mut per_node: Option<PerNode<M::Request>>,
        metadata: Option<&MetadataMap>,
        deadline: Deadline,
    ) -> Self {
        let mut call = Self::new::<M>(configuration.clone(), deadline);
        let head = call.head(&M::DESCRIPTOR, metadata);
        let mut shared = None;
        for (index, node) in configuration.nodes().enumerate() {
            let own;
            let frame = match &mut per_node {
                None => shared.get_or_insert_with(|| encode(&head, request, node)),
                Some(per_node) => match per_node(request, node.id()) {
                    Some(request) => {
                        own = encode(&head, &request, node);
                        &own
                    }
                    None => {
                        call.skip(index);
                        continue;
                    }
                },
            };
            let sent = match frame {
                Ok(frame) => call
                    .owner(index, node)
                    .and_then(|owner| node.stream().send(frame, owner)),
                Err(status) => Err(status.clone()),
            };
            if let Err(status) = sent {
                call.inbox.refuse(index, status);
            }
        }
        call
    }

    /// Sends `request` to one node, once there is room for it in the node's queue, and waits for the reply. The caller
    /// observes it.
    pub(crate) async fn exchange<M: Method<Reply = R>>(
        node: &Node,
        request: &M::Request,
        metadata: Option<&MetadataMap>,
    ) -> Result<R, Status> {
        // The caller waits until the deadline, and then drops this.
        let call = Self::new::<M>(Configuration::of_one(node), Deadline::none());
        let head = call.head(&M::DESCRIPTOR, metadata);
        let frame = encode(&head, request, node)?;
        let owner = call.owner(0, node)?;
        node.stream().send_when_room(frame, owner).await?;
        let (_, event) = std::future::poll_fn(|cx| call.inbox.poll_next(cx)).await;
        match event {
            Event::Reply { payload, .. } => decode(payload, node),
            Event::Failed(status) => Err(status),
            Event::End => Err(Status::internal("the node sent no reply")),
        }
    }

    /// A call that has its number, and is not sent.
    fn new<M: Method<Reply = R>>(configuration: Configuration, deadline: Deadline) -> Self {
        let inbox = Arc::new(Inbox::new(&M::DESCRIPTOR, configuration.node_ids()));
        let calls = configuration
            .nodes()
            .next()
            .map(|node| node.stream().calls());
        // Without a number each node refuses the call.
        let registration = calls.and_then(|calls| calls.register(Arc::clone(&inbox)).ok());
        Self {
            open: configuration.size(),
            configuration,
            inbox,
            registration,
            sent: Instant::now(),
            deadline,
            streams_replies: M::DESCRIPTOR.streams_replies(),
            _reply: PhantomData,
        }
    }

    fn head<'a>(
        &self,
        method: &'a MethodDescriptor,
        metadata: Option<&'a MetadataMap>,
    ) -> Head<'a> {
        Head {
            number: self.number(),
            method: Some(MethodName::Of(method)),
            metadata,
            ..Head::default()
        }
    }

    /// The owner of the message for the node at `index`.
    fn owner(&self, index: usize, node: &Node) -> Result<Owner, Status> {
        let registration = self.registration.as_ref().ok_or_else(Calls::full)?;
        if !registration.is_among(node.stream().calls()) {
            let text = "the node belongs to another manager than the first of its configuration";
            return Err(Status::failed_precondition(text));
        }
        Ok(Owner::Call(Arc::clone(&self.inbox), index))
    }

    /// Leaves the node at `index` out.
    fn skip(&mut self, index: usize) {
        self.inbox.close(index);
        self.open -= 1;
    }

    fn take(&mut self, index: usize, event: Event) -> Option<(Node, Result<R, Status>)> {
        let node = self.configuration.nodes().nth(index)?.clone();
        match event {
            Event::Reply { payload, came } => {
                let reply = decode(payload, &node);
                if !self.streams_replies || reply.is_err() {
                    self.open -= 1;
                }
                if self.streams_replies && reply.is_err() {
                    self.inbox.close(index);
                    node.stream().cancel(self.number());
                }
                let reply = match reply {
                    Ok(reply) => {
                        self.observe(&node, came);
                        Ok(reply)
                    }
                    Err(status) => Err(node.fail(self.sent, status)),
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

fn encode(head: &Head<'_>, request: &impl Message, node: &Node) -> Result<Frame, Status> {
    node.message_options()
        .check_request_size(request.encoded_len())?;
    head.with(request)
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

    /// Lets the call go on without its caller, within the nodes' bounds. Late replies are ignored, but observed.
    pub(crate) fn let_go(&mut self) {
        let Some(registration) = self.registration.take() else {
            return;
        };
        let (sent, number) = (self.sent, registration.number());
        let node = |index| self.configuration.nodes().nth(index);
        let mut withdrawn = SmallVec::<[_; USUAL_NODES]>::new();
        self.inbox.let_go(|index, stream| {
            let Some(node) = node(index) else { return };
            let oldest = node.stream().let_go(Straggler {
                number,
                stream,
                sent,
                deadline: self.deadline,
                streams_replies: self.streams_replies,
            });
            withdrawn.extend(oldest.map(|oldest| (node, oldest)));
        });
        for (node, number) in withdrawn {
            node.stream().cancel(number);
        }
        while let Some((index, event)) = self.inbox.next_unread() {
            match (event, node(index)) {
                (Event::Failed(status), Some(node)) => drop(node.fail(sent, status)),
                (Event::Reply { came, .. }, Some(node)) => self.observe(node, came),
                _ => {}
            }
        }
    }

    /// Takes in that a reply came of `node`.
    fn observe(&self, node: &Node, came: Instant) {
        let latency = came.saturating_duration_since(self.sent);
        if self.streams_replies {
            telemetry::replied(node, latency);
        } else {
            node.answered(latency);
        }
    }

    fn withdraw(&mut self) -> Vec<Node> {
        let Some(registration) = self.registration.take() else {
            return Vec::new();
        };
        self.inbox.withdraw();
        let outstanding = self.inbox.outstanding();
        let nodes = outstanding.into_iter();
        let nodes: Vec<_> = nodes
            .filter_map(|index| self.configuration.nodes().nth(index).cloned())
            .collect();
        for node in &nodes {
            node.stream().cancel(registration.number());
        }
        nodes
    }

    fn number(&self) -> u64 {
        self.registration.as_ref().map_or(0, Registration::number)
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
        self.withdraw();
    }
}
