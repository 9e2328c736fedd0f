//! The inbox of one call.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;
use tonic::Status;

use super::arrival::Arrival;
use super::events::{Event, Events};
use crate::call::{Held, MethodDescriptor, ReplyLimit, USUAL_NODES};
use crate::node_info::Observations;
use crate::wire::{END, Payload, StreamMessage, StreamNumber};

/// The unread replies to one call, and which nodes have yet to reply. Later calls reuse its memory.
#[derive(Debug)]
pub(crate) struct Inbox {
    method: &'static MethodDescriptor,
    sent: Instant,
    /// The nodes that were contacted after `sent`, and when.
    later: Vec<(usize, Instant)>,
    reader: Option<Waker>,
    /// For each node, the stream that carries the request, while replies may still arrive on it.
    waits: SmallVec<[Option<StreamNumber>; USUAL_NODES]>,
    /// The state of each node's stream of replies. Empty unless the method streams its replies.
    flows: Vec<Flow>,
    unread: Events,
}

/// The stream of replies of one node.
#[derive(Clone, Debug, Default)]
struct Flow {
    unread: Held,
    /// Whether the reader has seen its end. A node ends once, whatever it sends.
    over: bool,
}

/// What happened to a received message.
#[derive(Debug, PartialEq)]
pub(crate) enum Delivery<'a> {
    /// Its call has taken it.
    Taken,
    /// Its call does not wait for it.
    Ignored(StreamMessage<'a>),
    /// There was no room for it. The call has failed on the node, and has to be cancelled there.
    Overflow,
}

/// What a message means for its call.
enum Meaning {
    Reply,
    End,
    Failure(Status),
    /// A reply that there is no room for.
    Overflow(Status),
}

impl Inbox {
    /// An inbox without a call.
    pub(super) fn unused() -> Self {
        static NONE: MethodDescriptor = MethodDescriptor::new("/none.None/None");
        Self {
            method: &NONE,
            sent: Instant::now(),
            later: Vec::new(),
            reader: None,
            waits: SmallVec::new(),
            flows: Vec::new(),
            unread: Events::default(),
        }
    }

    /// Makes it the inbox of a call of `method` to `nodes` nodes.
    pub(super) fn begin(&mut self, method: &'static MethodDescriptor, nodes: usize, sent: Instant) {
        self.method = method;
        self.sent = sent;
        self.unread.reserve(nodes);
        self.waits.resize(nodes, None);
        if method.streams_replies() {
            self.flows.resize(nodes, Flow::default());
        }
    }

    /// Releases it from its call. Returns the reader, which the caller has to drop without holding a lock.
    pub(super) fn end(&mut self, keep_memory: bool) -> Option<Waker> {
        let reader = self.reader.take();
        if keep_memory && self.unread.clear() {
            self.waits.clear();
            self.flows.clear();
            self.later.clear();
        } else {
            *self = Self::unused();
        }
        reader
    }

    /// Whether it is that of a call.
    pub(super) fn is_used(&self) -> bool {
        !self.waits.is_empty()
    }

    /// Notes that the request for the node at `index` was put on a stream.
    pub(crate) fn sent(&mut self, index: usize, stream: StreamNumber) {
        if let Some(waits) = self.waits.get_mut(index) {
            *waits = Some(stream);
        }
    }

    /// Notes that the requests for the nodes at these indices are not made before `at`.
    pub(crate) fn note_later(&mut self, indices: impl Iterator<Item = usize>, at: Instant) {
        self.later.extend(indices.map(|index| (index, at)));
    }

    /// When the request for the node at `index` was made.
    fn made(&self, index: usize) -> Instant {
        let later = self.later.iter().find(|(of, _)| *of == index);
        later.map_or(self.sent, |(_, at)| *at)
    }

    /// Takes in a message of a node, whose latency is among `observations`. Also returns the reader to wake.
    pub(super) fn deliver<'a>(
        &mut self,
        message: StreamMessage<'a>,
        arrival: &Arrival,
        limit: &ReplyLimit,
        observations: &Observations,
    ) -> (Delivery<'a>, Option<Waker>) {
        let Some(index) = self.index(arrival.stream) else {
            return (Delivery::Ignored(message), None);
        };
        let delivery = match self.classify(index, &message, limit) {
            Meaning::Reply => {
                let latency = arrival.latency(self.made(index));
                self.record_reply(index, message.payload(), latency, observations);
                Delivery::Taken
            }
            Meaning::End => {
                self.record_end(index);
                Delivery::Taken
            }
            Meaning::Failure(status) => {
                self.record_failure(index, status);
                Delivery::Taken
            }
            Meaning::Overflow(status) => {
                self.record_failure(index, status);
                Delivery::Overflow
            }
        };
        (delivery, self.reader.take())
    }

    /// What a message of the node at `index` means for the call. Changes nothing.
    fn classify(&self, index: usize, message: &StreamMessage<'_>, limit: &ReplyLimit) -> Meaning {
        if let Some(status) = message.failure() {
            return Meaning::Failure(status);
        }
        if !self.is_of_method(message.method()) {
            let method = self.method.full_name();
            return Meaning::Failure(Status::internal(format!(
                "the node answered {method} with a reply of another method"
            )));
        }
        match self.flows.get(index) {
            Some(_) if message.has(END) => Meaning::End,
            Some(flow) if !limit.admits(&flow.unread, message.payload().bytes().len()) => {
                Meaning::Overflow(Status::resource_exhausted(format!(
                    "the caller left too many of the node's replies unread: the limit is {} replies or {} bytes (reply_limit)",
                    limit.replies, limit.bytes
                )))
            }
            _ => Meaning::Reply,
        }
    }

    /// Fails the call on the node whose request is on `stream`, which has broken. Returns the reader to wake.
    pub(super) fn lose(&mut self, stream: StreamNumber, status: &Status) -> Option<Waker> {
        let index = self.index(stream)?;
        self.record_failure(index, status.clone());
        self.reader.take()
    }

    /// Ends the call on the node at `index`: drops its unread events, and ignores its later messages.
    pub(crate) fn close(&mut self, index: usize) {
        if let Some(waits) = self.waits.get_mut(index) {
            *waits = None;
        }
        if let Some(flow) = self.flows.get_mut(index) {
            flow.over = true;
        }
    }

    /// Ignores later messages of all nodes.
    pub(crate) fn close_all(&mut self) {
        self.waits.fill(None);
    }

    /// The next event, and the index of its node.
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

    /// The next unread event, and the index of its node.
    pub(crate) fn next_unread(&mut self) -> Option<(usize, Event)> {
        loop {
            let (index, event) = self.unread.pop()?;
            let Some(flow) = self.flows.get_mut(index) else {
                return Some((index, event));
            };
            if let Event::Reply { payload, .. } = &event {
                flow.unread.remove(payload.len());
            }
            if !flow.over {
                flow.over = !matches!(event, Event::Reply { .. });
                return Some((index, event));
            }
        }
    }

    /// The indices of the nodes that were sent a request and have not replied, with the streams that carry the
    /// requests.
    pub(crate) fn outstanding(&self) -> impl Iterator<Item = (usize, StreamNumber)> {
        let waits = self.waits.iter().enumerate();
        waits.filter_map(|(index, stream)| Some((index, (*stream)?)))
    }

    /// The index of the node that has yet to reply on `stream`.
    fn index(&self, stream: StreamNumber) -> Option<usize> {
        self.waits.iter().position(|waits| *waits == Some(stream))
    }

    /// Records a reply: the node's only one, unless the method streams them.
    fn record_reply(
        &mut self,
        index: usize,
        payload: Payload<'_>,
        latency: Duration,
        observations: &Observations,
    ) {
        match self.flows.get_mut(index) {
            Some(flow) => flow.unread.add(payload.bytes().len()),
            None => {
                self.waits[index] = None;
                observations.measure(latency);
            }
        }
        self.unread.push_reply(index, payload, latency);
    }

    /// Records that the node has sent its last reply.
    fn record_end(&mut self, index: usize) {
        self.waits[index] = None;
        self.unread.push_end(index);
    }

    /// Records that the call failed on the node.
    fn record_failure(&mut self, index: usize, status: Status) {
        self.waits[index] = None;
        self.unread.push_failure(index, status);
    }

    /// Whether a reply names this call's method.
    fn is_of_method(&self, name: &[u8]) -> bool {
        let (service, method) = (self.method.service(), self.method.name());
        name.strip_prefix(service.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"."))
            .is_some_and(|rest| rest == method.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::metrics::NodeMeter;

    static UNARY: MethodDescriptor = MethodDescriptor::new("/p.S/M");
    static STREAMING: MethodDescriptor = UNARY.with_reply_stream();

    const LIMIT: ReplyLimit = ReplyLimit {
        replies: 200,
        bytes: 1000,
    };

    /// The inbox of a call that was sent to two nodes, on the first and second stream.
    fn sent(method: &'static MethodDescriptor) -> Inbox {
        let mut inbox = Inbox::unused();
        inbox.begin(method, 2, Instant::now());
        for index in 0..2 {
            inbox.sent(index, stream(index));
        }
        inbox
    }

    /// The stream to the node at `index`.
    fn stream(index: usize) -> StreamNumber {
        match index {
            0 => StreamNumber::FIRST,
            _ => StreamNumber::FIRST.next(),
        }
    }

    /// What happens next: at which node, and the last byte of its reply; none if the call failed there.
    fn poll(inbox: &mut Inbox) -> Poll<(usize, Option<u8>)> {
        let mut cx = Context::from_waker(Waker::noop());
        inbox.poll_next(&mut cx).map(|(index, event)| match event {
            Event::Reply { payload, .. } => (index, payload.last().copied()),
            _ => (index, None),
        })
    }

    /// Delivers `bytes` that came after the fields of the method on the stream to a node. Whether they are taken.
    fn deliver_message(inbox: &mut Inbox, index: usize, bytes: &[u8]) -> Option<bool> {
        let bytes = Bytes::from([b"\x12\x05p.S.M", bytes].concat());
        let reply = StreamMessage::decode(&bytes, &bytes).expect("it is well-formed");
        let now = Instant::now();
        let arrival = Arrival {
            stream: stream(index),
            opened: now,
            at: now,
        };
        let observations = Observations::new(NodeMeter::default());
        let (delivery, _) = inbox.deliver(reply, &arrival, &LIMIT, &observations);
        match delivery {
            Delivery::Taken => Some(true),
            Delivery::Ignored(_) => Some(false),
            Delivery::Overflow => None,
        }
    }

    /// Delivers a reply of one byte.
    fn deliver(inbox: &mut Inbox, index: usize, number: u8) -> Option<bool> {
        deliver_message(inbox, index, &[b'\x2a', 1, number])
    }

    #[test]
    fn a_node_answers_once_unless_the_method_streams() {
        let mut inbox = Inbox::unused();
        inbox.begin(&UNARY, 2, Instant::now());
        assert_eq!(deliver(&mut inbox, 0, 1), Some(false));
        inbox.sent(0, stream(0));
        assert_eq!(deliver(&mut inbox, 0, 1), Some(true));
        assert_eq!(deliver(&mut inbox, 0, 2), Some(false));
        assert_eq!(poll(&mut inbox), Poll::Ready((0, Some(1))));
        assert!(poll(&mut inbox).is_pending());
    }

    #[test]
    fn events_are_read_in_the_order_in_which_they_came() {
        let mut inbox = sent(&STREAMING);
        let mut next = 0;
        for number in 0..200 {
            assert_eq!(deliver(&mut inbox, 0, number), Some(true));
            // The reader falls behind by one reply in two.
            if number % 2 == 0 {
                assert_eq!(poll(&mut inbox), Poll::Ready((0, Some(next))));
                next += 1;
            }
        }
        while let Poll::Ready(reply) = poll(&mut inbox) {
            assert_eq!(reply, (0, Some(next)));
            next += 1;
        }
        assert_eq!(next, 200);
    }

    #[test]
    fn a_node_whose_replies_are_left_unread_fails_and_the_others_do_not() {
        let mut inbox = sent(&STREAMING);
        for number in 0..LIMIT.replies {
            assert_eq!(deliver(&mut inbox, 0, number as u8), Some(true));
        }
        assert_eq!(deliver(&mut inbox, 0, 0), None);
        assert_eq!(deliver(&mut inbox, 0, 0), Some(false));
        assert_eq!(deliver(&mut inbox, 1, 7), Some(true));
        assert_eq!(Vec::from_iter(inbox.outstanding()), [(1, stream(1))]);
    }

    #[test]
    fn replies_are_bounded_in_bytes_too_and_what_is_read_makes_room() {
        let mut inbox = sent(&STREAMING);
        let large = [&b"\x2a\xd8\x04"[..], &[1; 600]].concat();
        assert_eq!(deliver_message(&mut inbox, 0, &large), Some(true));
        assert_eq!(poll(&mut inbox), Poll::Ready((0, Some(1))));
        assert_eq!(deliver_message(&mut inbox, 0, &large), Some(true));
        assert_eq!(deliver_message(&mut inbox, 1, &large), Some(true));
        assert_eq!(deliver_message(&mut inbox, 0, &large), None);
    }

    #[test]
    fn a_node_ends_once_whatever_it_has_sent() {
        let mut inbox = sent(&STREAMING);
        for number in 0..3 {
            deliver(&mut inbox, 0, number);
        }
        deliver(&mut inbox, 1, 9);
        assert_eq!(poll(&mut inbox), Poll::Ready((0, Some(0))));
        // The reader could not decode it.
        inbox.close(0);
        assert_eq!(deliver(&mut inbox, 0, 3), Some(false));
        assert_eq!(poll(&mut inbox), Poll::Ready((1, Some(9))));
        assert!(poll(&mut inbox).is_pending());
    }

    #[test]
    fn only_what_was_on_the_stream_that_broke_is_lost() {
        let mut inbox = sent(&UNARY);
        let status = Status::unavailable("broken");
        inbox.lose(stream(1).next(), &status);
        assert!(poll(&mut inbox).is_pending());
        inbox.lose(stream(1), &status);
        assert_eq!(poll(&mut inbox), Poll::Ready((1, None)));
        assert!(poll(&mut inbox).is_pending());
    }

    #[test]
    fn nothing_of_a_call_is_left_to_the_next() {
        let mut inbox = sent(&STREAMING);
        assert!(poll(&mut inbox).is_pending());
        deliver(&mut inbox, 0, 1);
        inbox.close(1);
        inbox.end(true);
        assert_eq!(deliver(&mut inbox, 0, 1), Some(false));
        inbox.begin(&UNARY, 2, Instant::now());
        assert!(poll(&mut inbox).is_pending());
        assert_eq!(inbox.outstanding().count(), 0);
        inbox.sent(1, stream(1));
        deliver(&mut inbox, 1, 5);
        assert_eq!(poll(&mut inbox), Poll::Ready((1, Some(5))));
    }

    #[test]
    fn time_before_the_stream_was_open_is_no_latency() {
        let sent = Instant::now();
        let after = |millis| sent + Duration::from_millis(millis);
        let arrival = Arrival {
            stream: stream(0),
            opened: after(20),
            at: after(25),
        };
        assert_eq!(arrival.latency(sent), Duration::from_millis(5));
        assert_eq!(arrival.latency(after(22)), Duration::from_millis(3));
    }
}
