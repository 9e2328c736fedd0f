//! Messages that wait to be sent.

use std::collections::HashSet;

use bytes::Bytes;

use super::call_number::CallNumber;
use super::frame::Frame;
use super::owner::Owner;
use super::packed_queue::PackedQueue;
use crate::call::Receipt;

/// The most bytes that HTTP/2 gets at once, unless one message has more. With a frame for each message, each would be
/// flushed on its own.
const BURST: usize = 64 * 1024;

/// The initial capacity for small messages, in bytes.
const PLACE: usize = 2 * Frame::SMALL;

/// The most receipts for which memory is kept between bursts.
const KEPT: usize = 1024;

/// The outgoing messages of one peer, in send order.
#[derive(Debug)]
pub(super) struct Pending {
    messages: PackedQueue<PendingMessage, { Frame::SMALL }>,
    /// Whether the buffer of small messages has outgrown the memory that is kept.
    has_grown: bool,
    /// The numbers of withdrawn messages that may be among them.
    withdrawn: HashSet<CallNumber>,
}

/// The tag of a message that waits to be sent.
#[derive(Debug)]
struct PendingMessage {
    /// The number by which it can be withdrawn, if it can.
    number: Option<CallNumber>,
    receipt: Option<Receipt>,
}

/// Messages that are sent together.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    /// Their bytes. Consecutive small ones share a piece.
    pieces: Vec<Bytes>,
    receipts: Vec<Receipt>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            messages: PackedQueue::with_capacity(PLACE),
            has_grown: false,
            withdrawn: HashSet::new(),
        }
    }

    /// The number of messages.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The total size of the messages in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.messages.bytes()
    }

    #[inline]
    pub(super) fn push(&mut self, frame: &Frame, owner: Owner<'_>) {
        let message = PendingMessage {
            number: owner.number(),
            receipt: owner.into_receipt(),
        };
        self.messages
            .push(frame.as_slice(), message, || frame.share());
        self.has_grown |= self.messages.small_capacity() > 2 * BURST;
    }

    /// Takes the messages of the next burst, without those that were withdrawn.
    pub(super) fn take(&mut self, burst: &mut Burst) {
        let Self {
            messages,
            withdrawn,
            ..
        } = self;
        messages.pop_burst(BURST, &mut burst.pieces, |message| {
            let is_sent = !message.is_among(withdrawn);
            if is_sent {
                burst.receipts.extend(message.receipt);
            }
            is_sent
        });
        if messages.is_empty() {
            withdrawn.clear();
            if self.has_grown {
                *self = Self::new();
            }
        }
    }

    /// Withdraws the message with this number, if it is here.
    pub(super) fn withdraw(&mut self, number: CallNumber) {
        if !self.messages.is_empty() {
            self.withdrawn.insert(number);
            // Bounds the set: most of these numbers may belong to messages that have been sent.
            if self.withdrawn.len() > self.messages.len() {
                self.purge();
            }
        }
    }

    /// Removes the messages that were withdrawn, if these may be at least half of all. Thus not every message that
    /// finds no room causes a search of the full queue.
    pub(super) fn make_room(&mut self) {
        if 2 * self.withdrawn.len() >= self.messages.len() {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let withdrawn = std::mem::take(&mut self.withdrawn);
        if !withdrawn.is_empty() {
            self.messages
                .retain(|message| !message.is_among(&withdrawn));
        }
    }

    /// Removes all messages. Returns their receipts.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Receipt> + use<> {
        let all = std::mem::replace(self, Self::new());
        all.messages
            .into_tags()
            .filter_map(|message| message.receipt)
    }
}

impl PendingMessage {
    /// Whether the message is one of those that were withdrawn.
    fn is_among(&self, withdrawn: &HashSet<CallNumber>) -> bool {
        !withdrawn.is_empty()
            && self
                .number
                .is_some_and(|number| withdrawn.contains(&number))
    }
}

impl Burst {
    /// Signs the receipts and empties the burst. Returns its bytes.
    pub(super) fn send(&mut self) -> Bytes {
        for receipt in self.receipts.drain(..) {
            receipt.sign(Ok(()));
        }
        self.receipts.shrink_to(KEPT);
        if let [_] = &self.pieces[..]
            && let Some(bytes) = self.pieces.pop()
        {
            return bytes;
        }
        let joined = self.pieces.concat().into();
        self.pieces.clear();
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 2 * Frame::SMALL;

    fn frame(text: &str) -> Frame {
        Frame::written(text.len(), |bytes| bytes.extend_from_slice(text.as_bytes()))
    }

    fn id(number: u64) -> CallNumber {
        CallNumber::received(number).expect("it is not 0")
    }

    fn sent(pending: &mut Pending) -> Bytes {
        let mut burst = Burst::default();
        pending.take(&mut burst);
        burst.send()
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
        let large = "b".repeat(LARGE);
        let texts = ["a", &large, "c", "d", &large, "e"];
        for (number, text) in (1..).zip(texts) {
            let (receipt, _) = Receipt::new();
            pending.push(&frame(text), Owner::OneWay(id(number), receipt));
        }
        for number in [2, 4, 7] {
            pending.withdraw(id(number));
        }
        pending.make_room();
        assert_eq!((pending.len(), pending.bytes()), (4, 3 + LARGE));
        for number in [1, 5] {
            pending.withdraw(id(number));
        }
        assert_eq!(sent(&mut pending), "ce");
        assert_eq!((pending.len(), pending.bytes()), (0, 0));
    }

    #[test]
    fn a_one_way_message_that_is_withdrawn_is_not_sent_and_others_are() {
        let mut pending = Pending::new();
        let receipts = [1, 2].map(|number| {
            let (receipt, taken) = Receipt::new();
            pending.push(&frame("abc"), Owner::OneWay(id(number), receipt));
            taken
        });
        pending.withdraw(id(1));
        assert_eq!(sent(&mut pending), "abc");
        let [withdrawn, other] = receipts.map(tokio::sync::oneshot::Receiver::blocking_recv);
        withdrawn.expect_err("it was not sent");
        other.expect("it was sent").expect("nothing has failed");
    }

    #[test]
    fn the_numbers_of_messages_that_are_sent_already_are_not_kept_for_ever() {
        let mut pending = Pending::new();
        pending.push(&frame("a"), Owner::Nobody);
        for number in 1..1000 {
            pending.withdraw(id(number));
        }
        assert!(pending.withdrawn.len() <= pending.len());
        assert_eq!(sent(&mut pending), "a");
        pending.withdraw(id(1));
        assert!(pending.withdrawn.is_empty());
    }

    #[test]
    fn memory_is_used_again_once_a_burst_is_gone() {
        let mut pending = Pending::new();
        for _ in 0..10 * PLACE {
            pending.push(&frame("message"), Owner::Nobody);
            assert_eq!(sent(&mut pending), "message");
        }
        assert!(pending.messages.small_capacity() <= PLACE);
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
        assert!(pending.messages.small_capacity() <= PLACE);
    }
}
