//! Messages that wait to be sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};

use super::frame::Frame;
use super::inbox::Inbox;
use crate::grpc::Receipt;

/// How many bytes are handed to HTTP/2 at once, at most, unless one message has more. A frame for each message would
/// have each flushed on its own.
const BURST: usize = 32 * 1024;

/// How many bytes of small messages lie in one place.
const PLACE: usize = 2 * Frame::SMALL;

/// For how many messages the memory that they pass through is kept.
const KEPT: usize = 1024;

/// The messages that wait to be sent to one peer, in the order in which they are.
#[derive(Debug)]
pub(super) struct Pending {
    messages: VecDeque<Message>,
    /// The bytes of those that are not apart, in the same order.
    together: BytesMut,
    /// Whether they have taken more memory than is kept for those to come.
    has_grown: bool,
    bytes: usize,
}

/// A message that waits to be sent.
#[derive(Debug)]
struct Message {
    owner: Owner,
    len: usize,
    /// Its bytes, if they do not lie together with those of others.
    apart: Option<Bytes>,
}

/// Who waits for a message to be sent.
#[derive(Debug)]
pub(crate) enum Owner {
    /// A call that waits for replies: it is the request for the node at this index.
    Call(Arc<Inbox>, usize),
    /// A one-way call, and somebody may wait until it is sent.
    OneWay(Withdrawal, Receipt),
    /// Nobody: it is a reply, or of the protocol itself.
    Nobody,
}

/// Says whether a one-way call is withdrawn, so that it need not be sent any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withdrawal(Arc<AtomicBool>);

/// Messages that are sent at once.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    messages: Vec<Message>,
    together: Bytes,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            together: BytesMut::with_capacity(PLACE),
            has_grown: false,
            bytes: 0,
        }
    }

    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, frame: &Frame, owner: Owner) {
        let len = frame.as_slice().len();
        let apart = match frame {
            Frame::Large(bytes) => Some(bytes.clone()),
            Frame::Small(_) => {
                self.together.extend_from_slice(frame.as_slice());
                self.has_grown |= self.together.capacity() > 2 * BURST;
                None
            }
        };
        self.bytes += len;
        self.messages.push_back(Message { owner, len, apart });
    }

    /// Takes as many messages as are sent at once.
    pub(super) fn take(&mut self, burst: &mut Burst) {
        let (mut bytes, mut together) = (0, 0);
        while let Some(next) = self.messages.front()
            && (bytes == 0 || bytes + next.len <= BURST)
        {
            bytes += next.len;
            together += next.len_together();
            burst.messages.extend(self.messages.pop_front());
        }
        self.bytes -= bytes;
        burst.together = self.together.split_to(together).freeze();
        if self.has_grown && self.together.is_empty() {
            self.together = BytesMut::with_capacity(PLACE);
            self.has_grown = false;
        }
    }

    /// Removes the messages that were withdrawn.
    pub(super) fn purge(&mut self) {
        let mut before = std::mem::replace(&mut self.together, BytesMut::with_capacity(PLACE));
        self.messages.retain(|message| {
            let bytes = before.split_to(message.len_together());
            let keep = !message.owner.has_withdrawn();
            if keep {
                self.together.extend_from_slice(&bytes);
            }
            keep
        });
        self.bytes = self.messages.iter().map(|message| message.len).sum();
    }

    /// Removes all messages, and returns who waits for them.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Owner> + use<> {
        let all = std::mem::replace(self, Self::new());
        all.messages.into_iter().map(|message| message.owner)
    }
}

impl Message {
    /// Whether it is sent, with the others.
    fn goes_as_it_lies(&self) -> bool {
        self.apart.is_none() && !self.owner.has_withdrawn()
    }

    /// How many bytes it has among those of others.
    fn len_together(&self) -> usize {
        match self.apart {
            Some(_) => 0,
            None => self.len,
        }
    }
}

impl Owner {
    /// Whether the message need not be sent any more.
    fn has_withdrawn(&self) -> bool {
        match self {
            Self::Call(call, _) => call.is_withdrawn(),
            Self::OneWay(withdrawal, _) => withdrawal.0.load(Ordering::Acquire),
            Self::Nobody => false,
        }
    }

    /// Tells who waits that the message is sent, unless it was withdrawn.
    fn note_sent(&self) {
        if let Self::OneWay(_, receipt) = self
            && !self.has_withdrawn()
        {
            receipt.sign(Ok(()));
        }
    }
}

impl Withdrawal {
    pub(crate) fn withdraw(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Burst {
    /// Sends the messages but those that were withdrawn, which leaves none. Returns their bytes.
    pub(super) fn send(&mut self) -> Bytes {
        let mut together = std::mem::take(&mut self.together);
        let bytes = match &self.messages[..] {
            all if all.iter().all(Message::goes_as_it_lies) => together,
            [one] if one.owner.has_withdrawn() => Bytes::new(),
            [
                Message {
                    apart: Some(bytes), ..
                },
            ] => bytes.clone(),
            several => {
                let len = several.iter().map(|message| message.len).sum();
                let mut joined = Vec::with_capacity(len);
                for message in several {
                    let own = together.split_to(message.len_together());
                    if !message.owner.has_withdrawn() {
                        joined.extend_from_slice(message.apart.as_ref().unwrap_or(&own));
                    }
                }
                joined.into()
            }
        };
        for message in self.messages.drain(..) {
            message.owner.note_sent();
        }
        self.messages.shrink_to(KEPT);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MethodDescriptor, NodeId};

    const LARGE: usize = 2 * Frame::SMALL;

    fn frame(text: &str) -> Frame {
        Frame::written(text.len(), |bytes| bytes.extend_from_slice(text.as_bytes()))
    }

    fn sent(pending: &mut Pending) -> Bytes {
        let mut burst = Burst::default();
        pending.take(&mut burst);
        burst.send()
    }

    fn call() -> Arc<Inbox> {
        static METHOD: MethodDescriptor = MethodDescriptor::new("p.S", "M", "/p.S/M");
        Arc::new(Inbox::new(&METHOD, [NodeId::new(1)]))
    }

    #[test]
    fn messages_are_sent_in_their_order_whatever_their_size() {
        let mut pending = Pending::new();
        let texts = ["a".repeat(20), "b".repeat(LARGE), "c".repeat(30)];
        for text in &texts {
            pending.push(&frame(text), Owner::Nobody);
        }
        assert_eq!((pending.len(), pending.bytes()), (3, 50 + LARGE));
        assert_eq!(sent(&mut pending), texts.concat());
        assert_eq!((pending.len(), pending.bytes()), (0, 0));
    }

    #[test]
    fn a_burst_has_as_many_messages_as_fit_but_one_at_least() {
        let mut pending = Pending::new();
        let texts = [
            "a".repeat(2 * BURST),
            "b".repeat(BURST - 10),
            "c".repeat(11),
        ];
        for text in &texts {
            pending.push(&frame(text), Owner::Nobody);
        }
        for text in texts {
            assert_eq!(sent(&mut pending), text);
        }
    }

    #[test]
    fn what_is_withdrawn_is_neither_sent_nor_kept() {
        let mut pending = Pending::new();
        let calls = [call(), call(), call()];
        let large = "b".repeat(LARGE);
        for (call, text) in calls.iter().zip(["a", &large, "c"]) {
            pending.push(&frame(text), Owner::Call(Arc::clone(call), 0));
        }
        calls[1].withdraw();
        pending.purge();
        assert_eq!((pending.len(), pending.bytes()), (2, 2));
        calls[0].withdraw();
        assert_eq!(sent(&mut pending), "c");
        let withdrawal = Withdrawal::default();
        let (receipt, taken) = Receipt::new();
        pending.push(&frame(&large), Owner::OneWay(withdrawal.clone(), receipt));
        withdrawal.withdraw();
        assert!(sent(&mut pending).is_empty());
        taken.blocking_recv().expect_err("it was not sent");
    }

    #[test]
    fn memory_is_used_again_once_a_burst_is_gone() {
        let mut pending = Pending::new();
        for _ in 0..10 * PLACE {
            pending.push(&frame("message"), Owner::Nobody);
            assert_eq!(sent(&mut pending), "message");
        }
        assert!(pending.together.capacity() <= PLACE);
    }

    #[test]
    fn memory_for_many_messages_is_not_kept_once_they_are_sent() {
        let mut pending = Pending::new();
        for _ in 0..100 * BURST / PLACE {
            pending.push(&frame(&"a".repeat(Frame::SMALL)), Owner::Nobody);
        }
        while pending.len() > 0 {
            sent(&mut pending);
        }
        pending.push(&frame("a"), Owner::Nobody);
        assert!(pending.together.capacity() <= PLACE);
    }
}
