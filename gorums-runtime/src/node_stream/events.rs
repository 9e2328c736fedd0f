//! What has come of a call and was not read.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tonic::Status;

use crate::wire::Payload;

/// How many bytes a small reply has, at most.
const SMALL: u16 = 2 * 1024;

/// Up to how many bytes a reply is copied. A larger one shares the buffer that it was received in, with what came
/// beside it: buffers have 64 KiB and more, which a reply of a few bytes would keep in memory.
const COPIED: usize = 16 * 1024;

/// For how many events, and for how many bytes of small replies, the memory is kept for the next call.
const KEPT: usize = 64;
const KEPT_BYTES: usize = 20 * 1024;

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

/// The events of one call that its caller has not read, with the indices of their nodes, in order of arrival.
///
/// An event of the usual kind, a small reply, takes no memory of its own: its bytes lie with those of the others. What
/// else there is lies in a queue of its own. Each entry of `events` that is [`Small`](Kind::Small) owns the next bytes of
/// `small`, and each that is [`Other`](Kind::Other) the next of `others`.
#[derive(Debug, Default)]
pub(super) struct Events {
    events: VecDeque<EventEntry>,
    small: BytesMut,
    others: VecDeque<Other>,
}

#[derive(Debug)]
struct EventEntry {
    index: u32,
    kind: Kind,
    /// How long it took, in nanoseconds.
    latency: u64,
}

#[derive(Debug)]
enum Kind {
    /// A reply of so many bytes.
    Small(u16),
    Other,
    End,
}

#[derive(Debug)]
enum Other {
    Reply(Bytes),
    Failed(Status),
}

impl Events {
    /// Makes room for an event of each of so many nodes.
    pub(super) fn reserve(&mut self, nodes: usize) {
        self.events.reserve(nodes);
    }

    /// Forgets all events. Returns whether the memory that is left is worth being kept.
    pub(super) fn clear(&mut self) -> bool {
        self.events.clear();
        self.small.clear();
        self.others.clear();
        self.events.capacity() <= KEPT && self.small.capacity() <= KEPT_BYTES
    }

    pub(super) fn push_reply(&mut self, index: usize, payload: Payload<'_>, latency: Duration) {
        let bytes = payload.bytes();
        let kind = match u16::try_from(bytes.len()) {
            Ok(len) if len <= SMALL => {
                self.small.extend_from_slice(bytes);
                Kind::Small(len)
            }
            _ => {
                self.others.push_back(Other::Reply(match bytes.len() {
                    ..=COPIED => Bytes::copy_from_slice(bytes),
                    _ => payload.share(),
                }));
                Kind::Other
            }
        };
        self.push(index, kind, latency);
    }

    pub(super) fn push_end(&mut self, index: usize) {
        self.push(index, Kind::End, Duration::ZERO);
    }

    pub(super) fn push_failure(&mut self, index: usize, status: Status) {
        self.others.push_back(Other::Failed(status));
        self.push(index, Kind::Other, Duration::ZERO);
    }

    /// The next event, and the index of its node.
    pub(super) fn pop(&mut self) -> Option<(usize, Event)> {
        let EventEntry {
            index,
            kind,
            latency,
        } = self.events.pop_front()?;
        let latency = Duration::from_nanos(latency);
        let event = match kind {
            Kind::Small(len) => Event::Reply {
                payload: self.small.split_to(len.into()).freeze(),
                latency,
            },
            Kind::Other => match self.others.pop_front()? {
                Other::Reply(payload) => Event::Reply { payload, latency },
                Other::Failed(status) => Event::Failed(status),
            },
            Kind::End => Event::End,
        };
        Some((index as usize, event))
    }

    fn push(&mut self, index: usize, kind: Kind, latency: Duration) {
        self.events.push_back(EventEntry {
            // There are no more nodes than a u32 counts: each has an id of that size.
            index: index as u32,
            kind,
            latency: u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX),
        });
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
        let sizes = [3, usize::from(SMALL) + 1, 0, COPIED + 1, SMALL.into()];
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
        for size in [1, usize::from(SMALL), usize::from(SMALL) + 1, COPIED] {
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
        let reply = Bytes::from(vec![0; usize::from(SMALL)]);
        unread.push_reply(0, Payload::whole(&reply), Duration::ZERO);
        assert!(unread.clear());
        for _ in 0..=KEPT {
            unread.push_reply(0, Payload::whole(&reply), Duration::ZERO);
        }
        assert!(!unread.clear());
    }
}
