//! What has come back of one call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::time::Instant;
use tonic::Status;

use super::head::END;
use super::message::StreamMessage;
use crate::fan_out::USUAL_NODES;
use crate::{MethodDescriptor, NodeId};

/// How many replies of one streaming call may wait for their reader. The stream between two peers is all calls', so
/// that it cannot wait for one of them.
const UNREAD: usize = 16_384;

/// The replies to one call that its caller has not looked at yet, and which nodes are still to reply.
#[derive(Debug)]
pub(crate) struct Inbox {
    method: &'static MethodDescriptor,
    withdrawn: AtomicBool,
    asked: SmallVec<[Asked; USUAL_NODES]>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: Events,
    reader: Option<Waker>,
}

/// What has come of a call and is not read, in order of arrival.
#[derive(Debug, Default)]
struct Events {
    events: SmallVec<[(usize, Event); USUAL_NODES]>,
    /// How many of them are read.
    read: usize,
}

/// A node that the call goes to.
#[derive(Debug)]
struct Asked {
    node: NodeId,
    /// The stream that the request was put on, while there is more to come on it; else [`NOWHERE`](Self::NOWHERE).
    ///
    /// It is set before the request can be answered, and taken back with the inbox locked.
    stream: AtomicU64,
}

/// What comes of a call on one node.
#[derive(Debug)]
pub(crate) enum Event {
    /// A reply; the only one, unless the method streams.
    Reply { payload: Bytes, came: Instant },
    /// There are no more replies.
    End,
    /// The call failed on the node.
    Failed(Status),
}

/// What became of a message that was received.
#[derive(Debug, PartialEq)]
pub(crate) enum Delivery {
    /// Its call has it.
    Taken,
    /// Its call does not wait for it.
    Ignored(StreamMessage),
    /// There is no room for it: the call has failed on the node, and is to be withdrawn there.
    Overflow,
}

impl Inbox {
    /// The inbox of a call of `method` that goes to `nodes`.
    pub(crate) fn new(
        method: &'static MethodDescriptor,
        nodes: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        Self {
            method,
            withdrawn: AtomicBool::new(false),
            asked: nodes.into_iter().map(Asked::new).collect(),
            state: Mutex::default(),
        }
    }

    /// Notes that the request for the node at `index` was put on a stream.
    pub(crate) fn sent(&self, index: usize, stream: u64) {
        if let Some(asked) = self.asked.get(index) {
            asked.stream.store(stream, Ordering::Release);
        }
    }

    /// Takes in a reply that `came` of `node`.
    pub(crate) fn deliver(&self, node: NodeId, message: StreamMessage, came: Instant) -> Delivery {
        let mut state = self.lock();
        let waits = |asked: &Asked| asked.node == node && asked.stream().is_some();
        let Some(index) = self.asked.iter().position(waits) else {
            return Delivery::Ignored(message);
        };
        let streams = self.method.streams_replies();
        let mut delivery = Delivery::Taken;
        let event = if let Some(status) = message.failure() {
            Event::Failed(status)
        } else if !self.is_of_method(message.method()) {
            let method = self.method.full_name();
            Event::Failed(Status::internal(format!(
                "the node answered {method} with a reply of another method"
            )))
        } else if streams && message.has(END) {
            Event::End
        } else if streams && state.events.len() >= UNREAD {
            delivery = Delivery::Overflow;
            Event::Failed(Status::resource_exhausted(format!(
                "the caller left {UNREAD} replies unread"
            )))
        } else {
            let payload = message.into_payload();
            Event::Reply { payload, came }
        };
        if !streams || !matches!(event, Event::Reply { .. }) {
            self.asked[index].end();
        }
        state.push(index, event);
        delivery
    }

    /// Fails the call on the node at `index`, whose request cannot be sent.
    pub(crate) fn refuse(&self, index: usize, status: Status) {
        let mut state = self.lock();
        if let Some(asked) = self.asked.get(index) {
            asked.end();
            state.push(index, Event::Failed(status));
        }
    }

    /// Fails the call on `node` if its request was put on `stream`, which has broken.
    pub(crate) fn lose(&self, node: NodeId, stream: u64, status: &Status) {
        let mut state = self.lock();
        let lost = |asked: &Asked| asked.node == node && asked.stream() == Some(stream);
        if let Some(index) = self.asked.iter().position(lost) {
            self.asked[index].end();
            state.push(index, Event::Failed(status.clone()));
        }
    }

    /// Takes nothing, or no more, of the node at `index`.
    pub(crate) fn close(&self, index: usize) {
        let _state = self.lock();
        if let Some(asked) = self.asked.get(index) {
            asked.end();
        }
    }

    /// What happens next, and at which node's index.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<(usize, Event)> {
        let mut state = self.lock();
        if let Some(event) = state.events.pop() {
            return Poll::Ready(event);
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            None => state.reader = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Lets the call go on without its caller: nothing more is taken in.
    ///
    /// `goes_on` is told of each node that has not replied, and of the stream that its request was put on, before that
    /// node's reply can come here and be missed.
    pub(crate) fn let_go(&self, mut goes_on: impl FnMut(usize, u64)) {
        let _state = self.lock();
        for (index, asked) in self.asked.iter().enumerate() {
            if let Some(stream) = asked.stream() {
                asked.end();
                goes_on(index, stream);
            }
        }
    }

    /// What has happened and was not read, and at which node's index.
    pub(crate) fn next_unread(&self) -> Option<(usize, Event)> {
        self.lock().events.pop()
    }

    /// The indices of the nodes whose requests were sent, and that have not replied.
    pub(crate) fn outstanding(&self) -> Vec<usize> {
        let _state = self.lock();
        let asked = self.asked.iter().enumerate();
        asked
            .filter(|(_, asked)| asked.stream().is_some())
            .map(|(index, _)| index)
            .collect()
    }

    /// Notes that nobody waits for the call: a request that is still on its way out need not be sent.
    pub(crate) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
    }

    /// Whether nobody waits for the call.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    /// Whether a reply names this call's method.
    fn is_of_method(&self, name: &[u8]) -> bool {
        let (service, method) = (self.method.service(), self.method.name());
        name.strip_prefix(service.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"."))
            .is_some_and(|rest| rest == method.as_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// No stream has this number.
    const NOWHERE: u64 = u64::MAX;

    fn new(node: NodeId) -> Self {
        Self {
            node,
            stream: AtomicU64::new(Self::NOWHERE),
        }
    }

    /// The stream on which there is more to come.
    fn stream(&self) -> Option<u64> {
        let stream = self.stream.load(Ordering::Acquire);
        (stream != Self::NOWHERE).then_some(stream)
    }

    /// Notes that there is no more to come.
    fn end(&self) {
        self.stream.store(Self::NOWHERE, Ordering::Release);
    }
}

impl State {
    fn push(&mut self, index: usize, event: Event) {
        self.events.events.push((index, event));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Events {
    fn len(&self) -> usize {
        self.events.len() - self.read
    }

    fn pop(&mut self) -> Option<(usize, Event)> {
        let (index, event) = self.events.get_mut(self.read)?;
        let event = (*index, std::mem::replace(event, Event::End));
        self.read += 1;
        if self.read == self.events.len() {
            self.events.clear();
            self.read = 0;
        } else if self.read >= USUAL_NODES && 2 * self.read >= self.events.len() {
            // A reader that never catches up does not keep what it has read.
            self.events.drain(..self.read);
            self.read = 0;
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    static UNARY: MethodDescriptor = MethodDescriptor::new("p.S", "M", "/p.S/M");
    static STREAMING: MethodDescriptor = UNARY.with_reply_stream();

    fn poll(inbox: &Inbox) -> Option<(usize, Event)> {
        let mut cx = Context::from_waker(Waker::noop());
        match inbox.poll_next(&mut cx) {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    fn reply(number: u8) -> StreamMessage {
        let bytes = [b"\x12\x05p.S.M\x2a\x01", &[number][..]].concat();
        StreamMessage::decode(bytes.into()).expect("it is well-formed")
    }

    #[test]
    fn a_node_answers_once_unless_the_method_streams() {
        let method = &UNARY;
        let nodes = [1, 2].map(NodeId::new);
        let inbox = Inbox::new(method, nodes);
        assert!(matches!(
            inbox.deliver(nodes[0], reply(1), Instant::now()),
            Delivery::Ignored(_)
        ));
        inbox.sent(0, 0);
        assert_eq!(
            inbox.deliver(nodes[0], reply(1), Instant::now()),
            Delivery::Taken
        );
        assert!(matches!(
            inbox.deliver(nodes[0], reply(2), Instant::now()),
            Delivery::Ignored(_)
        ));
        assert!(matches!(poll(&inbox), Some((0, Event::Reply { .. }))));
        assert!(poll(&inbox).is_none());
    }

    #[test]
    fn events_are_read_in_the_order_in_which_they_came() {
        let method = &STREAMING;
        let node = NodeId::new(1);
        let inbox = Inbox::new(method, [node]);
        inbox.sent(0, 0);
        let mut next = 0;
        for number in 0..200 {
            assert_eq!(
                inbox.deliver(node, reply(number), Instant::now()),
                Delivery::Taken
            );
            // The reader falls behind by one reply in two.
            if number % 2 == 0 {
                let Some((0, Event::Reply { payload, .. })) = poll(&inbox) else {
                    panic!("a reply is there");
                };
                assert_eq!(*payload, [next]);
                next += 1;
            }
        }
        while let Some((_, Event::Reply { payload, .. })) = poll(&inbox) {
            assert_eq!(*payload, [next]);
            next += 1;
        }
        assert_eq!(next, 200);
    }

    #[test]
    fn replies_that_are_left_unread_fail_the_call_on_their_node() {
        let method = &STREAMING;
        let node = NodeId::new(1);
        let inbox = Inbox::new(method, [node]);
        inbox.sent(0, 0);
        for _ in 0..UNREAD {
            assert_eq!(
                inbox.deliver(node, reply(0), Instant::now()),
                Delivery::Taken
            );
        }
        assert_eq!(
            inbox.deliver(node, reply(0), Instant::now()),
            Delivery::Overflow
        );
        assert!(matches!(
            inbox.deliver(node, reply(0), Instant::now()),
            Delivery::Ignored(_)
        ));
        assert!(inbox.outstanding().is_empty());
    }

    #[test]
    fn only_what_was_on_the_stream_that_broke_is_lost() {
        let method = &UNARY;
        let node = NodeId::new(1);
        let inbox = Inbox::new(method, [node]);
        inbox.sent(0, 7);
        inbox.lose(node, 6, &Status::unavailable("broken"));
        assert!(poll(&inbox).is_none());
        inbox.lose(node, 7, &Status::unavailable("broken"));
        assert!(matches!(poll(&inbox), Some((0, Event::Failed(_)))));
    }
}
