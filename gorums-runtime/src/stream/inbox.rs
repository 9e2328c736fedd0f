//! What has come back of one call.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::time::Instant;
use tonic::Status;

use super::head::END;
use super::message::StreamMessage;
use super::payload::Payload;
use super::stream_number::StreamNumber;
use crate::fan_out::USUAL_NODES;
use crate::observations::Observations;
use crate::{MethodDescriptor, NodeId};

/// How many replies of one streaming call may wait for their reader. The stream between two peers is all calls', so
/// that it cannot wait for one of them.
const UNREAD: usize = 16_384;

/// How many bytes a small reply has, at most.
const SMALL: u16 = 512;

/// For how many replies, and for how many bytes of them, the memory is kept for the next call.
const KEPT: usize = 64;
const KEPT_BYTES: usize = 8 * 1024;

/// The replies to one call that its caller has not looked at yet, and which nodes are still to reply. Calls that follow
/// each other use its memory again.
#[derive(Debug)]
pub(crate) struct Inbox {
    method: &'static MethodDescriptor,
    sent: Instant,
    reader: Option<Waker>,
    asked: SmallVec<[Asked; USUAL_NODES]>,
    unread: VecDeque<Unread>,
    /// The bytes of the small replies among them, in the same order. Were these shared with the others that have come at
    /// once, each would keep all of them in memory.
    small: BytesMut,
    /// What else has come, in the same order.
    other: VecDeque<Other>,
}

/// A node that the call goes to.
#[derive(Debug)]
struct Asked {
    node: NodeId,
    /// The stream that the request was put on, while there is more to come on it.
    stream: Option<StreamNumber>,
}

/// What comes of a call on one node.
#[derive(Debug)]
pub(crate) enum Event {
    /// A reply; the only one, unless the method streams. It came so long after the request was sent.
    Reply { payload: Bytes, latency: Duration },
    /// There are no more replies.
    End,
    /// The call failed on the node.
    Failed(Status),
}

/// What has come of the node at an index, and is not read.
#[derive(Debug)]
struct Unread {
    index: u32,
    what: What,
    /// How long it took, in nanoseconds.
    latency: u64,
}

#[derive(Debug)]
enum What {
    /// A reply of so many bytes, among the small ones.
    Small(u16),
    Other,
    End,
}

/// What is not in every call.
#[derive(Debug)]
enum Other {
    Large(Bytes),
    Failed(Status),
}

/// What became of a message that was received.
#[derive(Debug, PartialEq)]
pub(crate) enum Delivery<'a> {
    /// Its call has it.
    Taken,
    /// Its call does not wait for it.
    Ignored(StreamMessage<'a>),
    /// There is no room for it: the call has failed on the node, and is to be withdrawn there.
    Overflow,
}

impl Inbox {
    /// An inbox that no call has.
    pub(super) fn unused() -> Self {
        static NONE: MethodDescriptor = MethodDescriptor::new("", "", "");
        Self {
            method: &NONE,
            sent: Instant::now(),
            reader: None,
            asked: SmallVec::new(),
            unread: VecDeque::new(),
            small: BytesMut::new(),
            other: VecDeque::new(),
        }
    }

    /// Makes it the inbox of a call of `method` that goes to `nodes`.
    pub(super) fn begin(
        &mut self,
        method: &'static MethodDescriptor,
        nodes: impl ExactSizeIterator<Item = NodeId>,
        sent: Instant,
    ) {
        self.method = method;
        self.sent = sent;
        self.unread.reserve(nodes.len());
        let asked = |node| Asked { node, stream: None };
        self.asked.extend(nodes.map(asked));
    }

    /// Makes it an inbox that no call has. Returns the reader, which is to be dropped without a lock.
    pub(super) fn end(&mut self, keep_memory: bool) -> Option<Waker> {
        let reader = self.reader.take();
        if keep_memory && self.unread.capacity() <= KEPT && self.small.capacity() <= KEPT_BYTES {
            self.asked.clear();
            self.unread.clear();
            self.small.clear();
            self.other.clear();
        } else {
            *self = Self::unused();
        }
        reader
    }

    /// Whether it is that of a call.
    pub(super) fn is_used(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Notes that the request for the node at `index` was put on a stream.
    pub(crate) fn sent(&mut self, index: usize, stream: StreamNumber) {
        if let Some(asked) = self.asked.get_mut(index) {
            asked.stream = Some(stream);
        }
    }

    /// Takes in a reply that `came` of `node`, whose latency is among `observations`. Also returns the reader to wake.
    pub(super) fn deliver<'a>(
        &mut self,
        node: NodeId,
        observations: &Observations,
        message: StreamMessage<'a>,
        came: Instant,
    ) -> (Delivery<'a>, Option<Waker>) {
        let waits = |asked: &Asked| asked.node == node && asked.stream.is_some();
        let Some(index) = self.asked.iter().position(waits) else {
            return (Delivery::Ignored(message), None);
        };
        let streams = self.method.streams_replies();
        let mut delivery = Delivery::Taken;
        let failed = if let Some(status) = message.failure() {
            Some(status)
        } else if !self.is_of_method(message.method()) {
            let method = self.method.full_name();
            Some(Status::internal(format!(
                "the node answered {method} with a reply of another method"
            )))
        } else if streams && self.unread.len() >= UNREAD {
            delivery = Delivery::Overflow;
            Some(Status::resource_exhausted(format!(
                "the caller left {UNREAD} replies unread"
            )))
        } else {
            None
        };
        let latency = came.saturating_duration_since(self.sent);
        let what = if let Some(status) = failed {
            self.asked[index].stream = None;
            self.set_aside(Other::Failed(status))
        } else if streams && message.has(END) {
            self.asked[index].stream = None;
            What::End
        } else {
            if !streams {
                self.asked[index].stream = None;
                observations.measure(latency);
            }
            self.keep(message.payload())
        };
        (delivery, self.push(index, what, latency))
    }

    /// Fails the call on `node` if its request was put on `stream`, which has broken. Returns the reader to wake.
    pub(super) fn lose(
        &mut self,
        node: NodeId,
        stream: StreamNumber,
        status: &Status,
    ) -> Option<Waker> {
        let lost = |asked: &Asked| asked.node == node && asked.stream == Some(stream);
        let index = self.asked.iter().position(lost)?;
        self.asked[index].stream = None;
        let what = self.set_aside(Other::Failed(status.clone()));
        self.push(index, what, Duration::ZERO)
    }

    /// Takes nothing more of the node at `index`.
    pub(crate) fn close(&mut self, index: usize) {
        if let Some(asked) = self.asked.get_mut(index) {
            asked.stream = None;
        }
    }

    /// Takes nothing more of any node.
    pub(crate) fn close_all(&mut self) {
        self.asked.iter_mut().for_each(|asked| asked.stream = None);
    }

    /// What happens next, and at which node's index.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Event)> {
        if let Some(event) = self.next_unread() {
            return Poll::Ready(event);
        }
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            None => self.reader = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// What has happened and was not read, and at which node's index.
    pub(crate) fn next_unread(&mut self) -> Option<(usize, Event)> {
        let Unread {
            index,
            what,
            latency,
        } = self.unread.pop_front()?;
        let latency = Duration::from_nanos(latency);
        let event = match what {
            What::Small(len) => Event::Reply {
                payload: self.small.split_to(len.into()).freeze(),
                latency,
            },
            What::Other => match self.other.pop_front()? {
                Other::Large(payload) => Event::Reply { payload, latency },
                Other::Failed(status) => Event::Failed(status),
            },
            What::End => Event::End,
        };
        Some((index as usize, event))
    }

    /// The indices of the nodes whose requests were sent, and that have not replied, with the streams that the requests
    /// were put on.
    pub(crate) fn outstanding(&self) -> impl Iterator<Item = (usize, StreamNumber)> {
        let asked = self.asked.iter().enumerate();
        asked.filter_map(|(index, asked)| Some((index, asked.stream?)))
    }

    /// Keeps a reply until it is read.
    fn keep(&mut self, payload: Payload<'_>) -> What {
        let bytes = payload.bytes();
        match u16::try_from(bytes.len()) {
            Ok(len) if len <= SMALL => {
                self.small.extend_from_slice(bytes);
                What::Small(len)
            }
            _ => self.set_aside(Other::Large(payload.share())),
        }
    }

    fn set_aside(&mut self, other: Other) -> What {
        self.other.push_back(other);
        What::Other
    }

    /// Whether a reply names this call's method.
    fn is_of_method(&self, name: &[u8]) -> bool {
        let (service, method) = (self.method.service(), self.method.name());
        name.strip_prefix(service.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"."))
            .is_some_and(|rest| rest == method.as_bytes())
    }

    fn push(&mut self, index: usize, what: What, latency: Duration) -> Option<Waker> {
        self.unread.push_back(Unread {
            // There are no more nodes than a u32 counts: each has an id of that size.
            index: index as u32,
            what,
            latency: u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX),
        });
        self.reader.take()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    static UNARY: MethodDescriptor = MethodDescriptor::new("p.S", "M", "/p.S/M");
    static STREAMING: MethodDescriptor = UNARY.with_reply_stream();

    /// The inbox of a call to the node 1, which was sent on the second stream.
    fn sent(method: &'static MethodDescriptor) -> Inbox {
        let mut inbox = Inbox::unused();
        inbox.begin(method, [NodeId::new(1)].into_iter(), Instant::now());
        inbox.sent(0, StreamNumber::FIRST.next());
        inbox
    }

    /// What happens next at the node: the last byte of its reply, or none if the call failed there.
    fn poll(inbox: &mut Inbox) -> Poll<Option<u8>> {
        let mut cx = Context::from_waker(Waker::noop());
        inbox.poll_next(&mut cx).map(|(index, event)| match event {
            Event::Reply { payload, .. } if index == 0 => payload.last().copied(),
            _ => None,
        })
    }

    /// Delivers a reply of the node 1. Whether it is taken.
    fn deliver(inbox: &mut Inbox, number: u8) -> Option<bool> {
        let bytes = Bytes::from([b"\x12\x05p.S.M\x2a\x01", &[number][..]].concat());
        let reply = StreamMessage::decode(&bytes, &bytes).expect("it is well-formed");
        let (node, observations) = (NodeId::new(1), Observations::new());
        let (delivery, _) = inbox.deliver(node, &observations, reply, Instant::now());
        match delivery {
            Delivery::Taken => Some(true),
            Delivery::Ignored(_) => Some(false),
            Delivery::Overflow => None,
        }
    }

    #[test]
    fn a_node_answers_once_unless_the_method_streams() {
        let mut inbox = Inbox::unused();
        let nodes = [1, 2].map(NodeId::new);
        inbox.begin(&UNARY, nodes.into_iter(), Instant::now());
        assert_eq!(deliver(&mut inbox, 1), Some(false));
        inbox.sent(0, StreamNumber::FIRST);
        assert_eq!(deliver(&mut inbox, 1), Some(true));
        assert_eq!(deliver(&mut inbox, 2), Some(false));
        assert_eq!(poll(&mut inbox), Poll::Ready(Some(1)));
        assert!(poll(&mut inbox).is_pending());
    }

    #[test]
    fn events_are_read_in_the_order_in_which_they_came() {
        let mut inbox = sent(&STREAMING);
        let mut next = 0;
        for number in 0..200 {
            assert_eq!(deliver(&mut inbox, number), Some(true));
            // The reader falls behind by one reply in two.
            if number % 2 == 0 {
                assert_eq!(poll(&mut inbox), Poll::Ready(Some(next)));
                next += 1;
            }
        }
        while let Poll::Ready(reply) = poll(&mut inbox) {
            assert_eq!(reply, Some(next));
            next += 1;
        }
        assert_eq!(next, 200);
    }

    #[test]
    fn replies_that_are_left_unread_fail_the_call_on_their_node() {
        let mut inbox = sent(&STREAMING);
        for _ in 0..UNREAD {
            assert_eq!(deliver(&mut inbox, 0), Some(true));
        }
        assert_eq!(deliver(&mut inbox, 0), None);
        assert_eq!(deliver(&mut inbox, 0), Some(false));
        assert_eq!(inbox.outstanding().count(), 0);
        inbox.end(true);
        assert_eq!(inbox.unread.capacity(), 0);
    }

    #[test]
    fn only_what_was_on_the_stream_that_broke_is_lost() {
        let (mut inbox, node) = (sent(&UNARY), NodeId::new(1));
        inbox.lose(node, StreamNumber::FIRST, &Status::unavailable("broken"));
        assert!(poll(&mut inbox).is_pending());
        inbox.lose(
            node,
            StreamNumber::FIRST.next(),
            &Status::unavailable("broken"),
        );
        assert_eq!(poll(&mut inbox), Poll::Ready(None));
    }

    #[test]
    fn nothing_of_a_call_is_left_to_the_next() {
        let mut inbox = sent(&UNARY);
        assert!(poll(&mut inbox).is_pending());
        deliver(&mut inbox, 1);
        inbox.end(true);
        assert_eq!(deliver(&mut inbox, 1), Some(false));
        inbox.begin(&UNARY, [NodeId::new(1)].into_iter(), Instant::now());
        assert!(poll(&mut inbox).is_pending());
        assert_eq!(inbox.outstanding().count(), 0);
    }
}
