//! The fan-out of one request over the streams to the nodes of a configuration.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use prost::Message;
use smallvec::SmallVec;
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::arrived::Arrived;
use crate::call::{Deadline, Method, MethodDescriptor, PerNode, USUAL_NODES, decode};
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::NodeError;
use crate::node_stream::{Calls, Event, Opened, Registration, Straggler};
use crate::telemetry;
use crate::wire::{CallNumber, Frame, Head, MethodName, Owner};

/// A call on the streams to the nodes of a configuration. A stream of what arrives from the nodes, in order of arrival.
///
/// Dropping it withdraws the call from the nodes that have not replied.
pub(crate) struct NodeStreamFanOut<R> {
    configuration: Configuration,
    /// None once the call is withdrawn or let go, or if there was no number for it.
    registration: Option<Registration>,
    /// The nodes that the request could not be put on the streams to, by their indices.
    refused: Vec<(usize, Status)>,
    /// How many nodes were sent the request and may still reply.
    open: usize,
    sent: Instant,
    /// Whether some nodes were sent the request.
    is_sent: bool,
    deadline: Deadline,
    streams_replies: bool,
    _reply: PhantomData<fn() -> R>,
}

impl<R: Message + Default + 'static> NodeStreamFanOut<R> {
    /// Sends `request` to the nodes at these indices, in their order, or what `per_node` makes of it for each, if it makes
    /// one. Returns the nodes for which it makes none. A node whose queue is full fails at once.
    pub(crate) fn contact<M: Method<Reply = R>>(
        &mut self,
        request: &M::Request,
        mut per_node: Option<&mut PerNode<M::Request>>,
        nodes: impl Iterator<Item = usize> + Clone,
        metadata: Option<&MetadataMap>,
    ) -> Vec<NodeId> {
        if std::mem::replace(&mut self.is_sent, true) {
            self.note_later(nodes.clone());
        }
        let head = self.head(&M::DESCRIPTOR, metadata);
        let mut shared = None;
        let (mut open, mut refused, mut skipped) = (0, Vec::new(), Vec::new());
        for index in nodes {
            let Some(node) = self.configuration.nodes().nth(index) else {
                continue;
            };
            let own;
            let frame = match &mut per_node {
                None => shared.get_or_insert_with(|| encode(&head, request, node)),
                Some(per_node) => match per_node(request, node.id()) {
                    Some(request) => {
                        own = encode(&head, &request, node);
                        &own
                    }
                    None => {
                        skipped.push(node.id());
                        continue;
                    }
                },
            };
            open += 1;
            let sent = match frame {
                Ok(frame) => self
                    .owner(index, node)
                    .and_then(|owner| node.stream().send(frame, owner)),
                Err(status) => Err(status.clone()),
            };
            if let Err(status) = sent {
                refused.push((index, status));
            }
        }
        // They are told in their order, from the end.
        refused.reverse();
        self.refused.append(&mut refused);
        self.open += open;
        skipped
    }

    /// Notes that the request goes to these nodes now, so that their latency counts from now on.
    #[cold]
    fn note_later(&mut self, nodes: impl Iterator<Item = usize>) {
        if let Some(mut inbox) = self.inbox() {
            inbox.note_later(nodes, Instant::now());
        }
    }

    /// Sends `request` to one node, once there is room for it in the node's queue, and waits for the reply. The caller
    /// observes it.
    ///
    /// The caller waits until the deadline, and then drops this. It finds the call's number in `numbered`.
    pub(crate) async fn exchange<M: Method<Reply = R>>(
        node: &Node,
        request: &M::Request,
        metadata: Option<&MetadataMap>,
        numbered: &OnceLock<CallNumber>,
    ) -> Result<R, Status> {
        let now = Instant::now();
        let mut call = Self::new::<M>(Configuration::of_one(node), Deadline::none(), now);
        call.open = 1;
        if let Some(registration) = &call.registration {
            // Nothing else sets it.
            let _ = numbered.set(registration.number());
        }
        let head = call.head(&M::DESCRIPTOR, metadata);
        let frame = encode(&head, request, node)?;
        let owner = call.owner(0, node)?;
        node.stream().send_when_room(frame, owner).await?;
        let (_, event) = std::future::poll_fn(|cx| call.poll_event(cx)).await;
        match event {
            Event::Reply { payload, .. } => decode_within(payload, node),
            Event::Failed(status) => Err(status),
            Event::End => Err(Status::internal("the node sent no reply")),
        }
    }

    /// A call that has its number and has not been sent. Its latency counts from `sent` on.
    pub(super) fn new<M: Method<Reply = R>>(
        configuration: Configuration,
        deadline: Deadline,
        sent: Instant,
    ) -> Self {
        // Without a number, the call fails on each node.
        let nodes = configuration.size();
        let registration = calls(&configuration).register(&M::DESCRIPTOR, nodes, sent);
        Self {
            open: 0,
            configuration,
            registration: registration.ok(),
            refused: Vec::new(),
            sent,
            is_sent: false,
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
            number: self
                .registration
                .as_ref()
                .map_or(0, |call| call.number().get()),
            method: Some(MethodName::Of(method)),
            metadata,
            ..Head::default()
        }
    }

    /// The owner of the message for the node at `index`.
    fn owner<'a>(&'a self, index: usize, node: &Node) -> Result<Owner<'a>, Status> {
        let calls = self.calls();
        let number = self.registration.as_ref().map(Registration::number);
        let number = number.ok_or_else(Calls::full)?;
        if !calls.is(node.stream().calls()) {
            let text = "the node belongs to another manager than the first of its configuration";
            return Err(Status::failed_precondition(text));
        }
        Ok(Owner::Call {
            requests: calls,
            number,
            index,
        })
    }

    /// The next event, and the index of its node.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Event)> {
        if let Some((index, status)) = self.refused.pop() {
            return Poll::Ready((index, Event::Failed(status)));
        }
        match self.inbox() {
            Some(mut inbox) => inbox.poll_next(cx),
            None => Poll::Pending,
        }
    }

    fn take(&mut self, index: usize, event: Event) -> Option<(NodeId, Arrived<R>)> {
        let node = self.configuration.nodes().nth(index)?;
        let id = node.id();
        let outcome = match event {
            Event::Reply { payload, latency } => match decode_within(payload, node) {
                Ok(reply) => {
                    telemetry::replied(|| node.info().address(), || latency);
                    if !self.streams_replies {
                        self.open -= 1;
                    }
                    Ok(Some(reply))
                }
                Err(status) => Err(self.give_up(id, status)?),
            },
            Event::End => {
                self.open -= 1;
                Ok(None)
            }
            Event::Failed(status) => {
                self.open -= 1;
                Err(node.fail(self.sent, status))
            }
        };
        Some((id, outcome))
    }
}

fn encode(head: &Head<'_>, request: &impl Message, node: &Node) -> Result<Frame, Status> {
    let limit = node.message_options().max_message_size;
    limit.check("request", request.encoded_len())?;
    head.with(request)
}

fn decode_within<R: Message + Default>(payload: Bytes, node: &Node) -> Result<R, Status> {
    let limit = node.message_options().max_message_size;
    limit.check("reply", payload.len())?;
    decode(payload)
}

impl<R> NodeStreamFanOut<R> {
    /// The nodes that the call goes to.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// How many nodes were sent the request and may still reply.
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// Fails the call on a node that may still reply, and withdraws it there. Later messages of the node are ignored.
    pub(crate) fn give_up(&mut self, node: NodeId, status: Status) -> Option<NodeError> {
        let mut nodes = self.configuration.nodes().enumerate();
        let (index, node) = nodes.find(|(_, candidate)| candidate.id() == node)?;
        let registration = self.registration.as_ref();
        if self.streams_replies
            && let Some(number) = registration.map(Registration::number)
        {
            if let Some(mut inbox) = self.calls().open(number) {
                inbox.close(index);
            }
            node.stream().cancel(number);
        }
        let error = node.fail(self.sent, status);
        self.open -= 1;
        Some(error)
    }

    /// Whether a node may reply several times.
    pub(crate) fn streams_replies(&self) -> bool {
        self.streams_replies
    }

    /// Withdraws the call, and returns the errors of the nodes that have not replied: they have failed with `status`.
    pub(crate) fn withdraw_as(&mut self, status: &Status) -> Vec<NodeError> {
        self.withdraw_each(|_, _| status.clone())
    }

    /// Withdraws the call because its deadline has passed, and returns the errors of the nodes that have not replied.
    pub(crate) fn withdraw_late(&mut self) -> Vec<NodeError> {
        let sent = self.sent;
        self.withdraw_each(|node, number| node.stream().late(number, sent))
    }

    fn withdraw_each(&mut self, status: impl Fn(&Node, CallNumber) -> Status) -> Vec<NodeError> {
        self.open = 0;
        let Some(number) = self.registration.as_ref().map(Registration::number) else {
            return Vec::new();
        };
        let late = self.withdraw();
        let late = late.iter();
        late.map(|node| node.fail(self.sent, status(node, number)))
            .collect()
    }

    /// Lets the call go on as a straggler, within the nodes' limits. Late replies are ignored, but their latency
    /// counts.
    pub(crate) fn let_go(&mut self) {
        let Some(registration) = self.registration.take() else {
            return;
        };
        let (sent, number) = (self.sent, registration.number());
        let node = |index| self.configuration.nodes().nth(index);
        let mut unread = SmallVec::<[_; USUAL_NODES]>::new();
        let mut withdrawn = SmallVec::<[_; USUAL_NODES]>::new();
        let calls = self.calls();
        if let Some(mut inbox) = calls.open(number) {
            unread.extend(std::iter::from_fn(|| inbox.next_unread()));
            // The lock on the inbox is held, so no reply can find the call in neither place.
            for (index, stream) in inbox.outstanding() {
                let Some(node) = node(index) else { continue };
                let oldest = node.stream().let_go(Straggler {
                    number,
                    stream,
                    sent,
                    deadline: self.deadline,
                    streams_replies: self.streams_replies,
                });
                withdrawn.extend(oldest.map(|oldest| (node, oldest)));
            }
            inbox.close_all();
        }
        calls.release(registration);
        // Reports may run a subscriber's code, which must not run with the inbox locked.
        for (index, event) in unread {
            match (event, node(index)) {
                (Event::Failed(status), Some(node)) => drop(node.fail(sent, status)),
                (Event::Reply { latency, .. }, Some(node)) => {
                    telemetry::replied(|| node.info().address(), || latency);
                }
                _ => {}
            }
        }
        for (node, number) in withdrawn {
            node.stream().cancel(number);
        }
    }

    fn withdraw(&mut self) -> SmallVec<[Node; USUAL_NODES]> {
        let Some(registration) = self.registration.take() else {
            return SmallVec::new();
        };
        let (calls, number) = (self.calls(), registration.number());
        let nodes = |index| self.configuration.nodes().nth(index).cloned();
        let late = calls.open(number).map(|inbox| {
            let outstanding = inbox.outstanding();
            outstanding.filter_map(|(index, _)| nodes(index)).collect()
        });
        calls.release(registration);
        let late: SmallVec<[Node; USUAL_NODES]> = late.unwrap_or_default();
        for node in &late {
            node.stream().cancel(number);
        }
        late
    }

    fn inbox(&self) -> Option<Opened<'_>> {
        self.calls().open(self.registration.as_ref()?.number())
    }

    fn calls(&self) -> &Calls {
        calls(&self.configuration)
    }
}

/// The table of calls of the configuration's manager.
fn calls(configuration: &Configuration) -> &Calls {
    let node = configuration.any_node();
    let node = node.expect("a call without nodes has no requests to send");
    node.stream().calls()
}

// Nothing in it is pinned.
impl<R> Unpin for NodeStreamFanOut<R> {}

impl<R: Message + Default + 'static> Stream for NodeStreamFanOut<R> {
    type Item = (NodeId, Arrived<R>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.open > 0 {
            let (index, event) = ready!(self.poll_event(cx));
            if let Some(outcome) = self.take(index, event) {
                return Poll::Ready(Some(outcome));
            }
        }
        Poll::Ready(None)
    }
}

impl<R> Drop for NodeStreamFanOut<R> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
