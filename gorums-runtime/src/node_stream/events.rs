//! The unread events of a call.

use std::time::Duration;

use bytes::Bytes;
use tonic::Status;

use crate::wire::{PackedQueue, Payload};

/// The most bytes of a small reply.
const SMALL: usize = 2 * 1024;

/// The most bytes of a reply that is copied. A larger one shares the buffer that it arrived in. Such a buffer has 64
/// KiB or more, which a reply of a few bytes would keep in memory.
const COPIED: usize = 16 * 1024;

/// The most events for which memory is kept for the next call.
const KEPT: usize = 64;
const KEPT_BYTES: usize = 20 * 1024;

/// What happens to a call on one node.
#[derive(Debug)]
pub(crate) enum Event {
    /// A reply: the only one, unless the method streams its replies.
    Reply { payload: Bytes, latency: Duration },
    /// The node has sent its last reply.
    End,
    /// The call failed on the node.
    Failed(Status),
}

/// The unread events of one call, with the indices of their nodes, in order of arrival.
#[derive(Debug)]
pub(super) struct Events(PackedQueue<EventTag, SMALL>);

/// An event without the bytes of its reply.
#[derive(Debug)]
struct EventTag {
    /// The index of the node.
    index: u32,
    kind: EventKind,
}

#[derive(Debug)]
enum EventKind {
    Reply { latency: Duration },
    End,
    Failed(Status),
}

impl Default for Events {
    fn default() -> Self {
        Self(PackedQueue::with_capacity(0))
    }
}

impl Events {
    /// Reserves memory for one event of each of `nodes` nodes.
    pub(super) fn reserve(&mut self, nodes: usize) {
        self.0.reserve(nodes);
    }

    /// Removes all events. Returns whether the memory is small enough to be kept.
    pub(super) fn clear(&mut self) -> bool {
        self.0.clear();
        self.0.capacity() <= KEPT && self.0.small_capacity() <= KEPT_BYTES
    }

    #[inline]
    pub(super) fn push_reply(&mut self, index: usize, payload: Payload<'_>, latency: Duration) {
        let tag = EventTag::new(index, EventKind::Reply { latency });
        let bytes = payload.bytes();
        self.0.push(bytes, tag, || match bytes.len() {
            ..=COPIED => Bytes::copy_from_slice(bytes),
            _ => payload.share(),
        });
    }

    pub(super) fn push_end(&mut self, index: usize) {
        self.0.push_tag(EventTag::new(index, EventKind::End));
    }

    pub(super) fn push_failure(&mut self, index: usize, status: Status) {
        self.0
            .push_tag(EventTag::new(index, EventKind::Failed(status)));
    }

    /// The next event, and the index of its node.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(usize, Event)> {
        let (payload, EventTag { index, kind }) = self.0.pop()?;
        let event = match kind {
            EventKind::Reply { latency } => Event::Reply { payload, latency },
            EventKind::End => Event::End,
            EventKind::Failed(status) => Event::Failed(status),
        };
        Some((index as usize, event))
    }
}

impl EventTag {
    fn new(index: usize, kind: EventKind) -> Self {
        Self {
            // Node ids have 32 bits, so there are no more nodes than that.
            index: index as u32,
            kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(unread: &mut Events) -> Vec<(usize, Option<Bytes>)> {
        let payload = |(index, event)| match event {
            Event::Reply { payload, .. } => (index, Some(payload)),
            Event::End | Event::Failed(_) => (index, None),
        };
        std::iter::from_fn(|| unread.pop()).map(payload).collect()
    }

    #[test]
    fn events_of_all_kinds_are_read_in_order_of_arrival() {
        let mut unread = Events::default();
        let sizes = [3, SMALL + 1, 0, COPIED + 1, SMALL];
        let sent = sizes.map(|size| Bytes::from(vec![size as u8; size]));
        for (index, payload) in sent.iter().enumerate() {
            unread.push_reply(index, Payload::whole(payload), Duration::ZERO);
            unread.push_failure(index, Status::internal(""));
            unread.push_end(index);
        }
        let expected = sent.into_iter().enumerate();
        let expected =
            expected.flat_map(|(index, sent)| [Some(sent), None, None].map(|p| (index, p)));
        assert_eq!(payloads(&mut unread), Vec::from_iter(expected));
    }

    #[test]
    fn a_reply_keeps_no_buffer_that_is_much_larger() {
        for size in [1, SMALL, SMALL + 1, COPIED] {
            let buffer = Bytes::from(vec![0; 64 * 1024]);
            let mut unread = Events::default();
            let reply = Payload::of(&buffer[..size], &buffer);
            unread.push_reply(0, reply, Duration::ZERO);
            assert!(buffer.is_unique(), "{size}");
        }
    }

    #[test]
    fn memory_for_many_events_is_not_worth_being_kept() {
        let mut unread = Events::default();
        let reply = Bytes::from(vec![0; SMALL]);
        unread.push_reply(0, Payload::whole(&reply), Duration::ZERO);
        assert!(unread.clear());
        for _ in 0..=KEPT {
            unread.push_reply(0, Payload::whole(&reply), Duration::ZERO);
        }
        assert!(!unread.clear());
    }
}
