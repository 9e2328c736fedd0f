//! Messages that wait to be sent.

use std::collections::{HashSet, VecDeque};

use bytes::{Bytes, BytesMut};

use super::call_number::CallNumber;
use super::frame::Frame;
use super::owner::Owner;
use crate::call::Receipt;

/// How many bytes are handed to HTTP/2 at once, at most, unless one message has more. A frame for each message would
/// have each flushed on its own.
const BURST: usize = 64 * 1024;

/// How many bytes of small messages lie in one place.
const PLACE: usize = 2 * Frame::SMALL;

/// For how many receipts the memory that they pass through is kept.
const KEPT: usize = 1024;

/// The messages that wait to be sent to one peer, in the order in which they are.
#[derive(Debug)]
pub(super) struct Pending {
    messages: VecDeque<PendingMessage>,
    /// The bytes of the small ones, in the same order.
    small: BytesMut,
    /// The bytes of the others, in the same order.
    large: VecDeque<Bytes>,
    /// Whether the small ones have taken more memory than is kept for those to come.
    has_grown: bool,
    bytes: usize,
    /// The numbers of withdrawn messages that may be among them.
    withdrawn: HashSet<CallNumber>,
}

/// A message that waits to be sent.
#[derive(Debug)]
struct PendingMessage {
    /// The call that it is withdrawn with; none if it never is.
    number: Option<CallNumber>,
    len: usize,
    receipt: Option<Receipt>,
}

/// Messages that are sent at once.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    /// Their bytes, those of small ones that follow each other in one piece.
    pieces: Vec<Bytes>,
    receipts: Vec<Receipt>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            small: BytesMut::with_capacity(PLACE),
            large: VecDeque::new(),
            has_grown: false,
            bytes: 0,
            withdrawn: HashSet::new(),
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

    #[inline]
    pub(super) fn push(&mut self, frame: &Frame, owner: Owner<'_>) {
        let len = frame.as_slice().len();
        match frame {
            Frame::Large(bytes) => self.large.push_back(bytes.clone()),
            Frame::Small(_) => {
                self.small.extend_from_slice(frame.as_slice());
                self.has_grown |= self.small.capacity() > 2 * BURST;
            }
        }
        self.bytes += len;
        self.messages.push_back(PendingMessage {
            number: owner.number(),
            len,
            receipt: owner.into_receipt(),
        });
    }

    /// Takes as many messages as are sent at once, but not those that were withdrawn.
    pub(super) fn take(&mut self, burst: &mut Burst) {
        let (mut bytes, mut run) = (0, 0);
        while let Some(next) = self.messages.front()
            && (bytes == 0 || bytes + next.len <= BURST)
            && let Some(message) = self.messages.pop_front()
        {
            bytes += message.len;
            let withdrawn = self.has_withdrawn(message.number);
            if message.is_small() && !withdrawn {
                run += message.len;
            } else {
                self.take_run(&mut run, burst);
                let own = self.take_bytes(&message);
                if !withdrawn {
                    burst.pieces.extend(own);
                }
            }
            if !withdrawn {
                burst.receipts.extend(message.receipt);
            }
        }
        self.take_run(&mut run, burst);
        self.bytes -= bytes;
        if self.messages.is_empty() {
            self.withdrawn.clear();
        }
        if self.has_grown && self.small.is_empty() {
            self.small = BytesMut::with_capacity(PLACE);
            self.has_grown = false;
        }
    }

    /// Takes the next `run` bytes of small messages.
    fn take_run(&mut self, run: &mut usize, burst: &mut Burst) {
        if *run > 0 {
            burst.pieces.push(self.small.split_to(*run).freeze());
            *run = 0;
        }
    }

    /// Takes the bytes of the next message.
    fn take_bytes(&mut self, message: &PendingMessage) -> Option<Bytes> {
        match message.is_small() {
            true => Some(self.small.split_to(message.len).freeze()),
            false => self.large.pop_front(),
        }
    }

    /// Withdraws the message with this number, if it is here.
    pub(super) fn withdraw(&mut self, number: CallNumber) {
        if !self.messages.is_empty() {
            self.withdrawn.insert(number);
            // Those that are sent already are not kept in mind for ever.
            if self.withdrawn.len() > self.messages.len() {
                self.purge();
            }
        }
    }

    /// Removes the messages that were withdrawn, if that makes much room: a queue that nobody reads is not gone through
    /// for each message.
    pub(super) fn make_room(&mut self) {
        if 2 * self.withdrawn.len() >= self.messages.len() {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let mut before = std::mem::replace(self, Self::new());
        while let Some(message) = before.messages.pop_front() {
            let bytes = before.take_bytes(&message).unwrap_or_default();
            if before.has_withdrawn(message.number) {
                continue;
            }
            self.bytes += bytes.len();
            match message.is_small() {
                true => self.small.extend_from_slice(&bytes),
                false => self.large.push_back(bytes),
            }
            self.messages.push_back(message);
        }
        self.has_grown = self.small.capacity() > 2 * BURST;
    }

    fn has_withdrawn(&self, number: Option<CallNumber>) -> bool {
        !self.withdrawn.is_empty() && number.is_some_and(|number| self.withdrawn.contains(&number))
    }

    /// Removes all messages. Returns the receipts of those who wait for them.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Receipt> + use<> {
        let all = std::mem::replace(self, Self::new());
        all.messages
            .into_iter()
            .filter_map(|message| message.receipt)
    }
}

impl PendingMessage {
    /// Whether its bytes lie together with those of others.
    fn is_small(&self) -> bool {
        self.len <= Frame::SMALL
    }
}

impl Burst {
    /// Sends the messages, which leaves none. Returns their bytes.
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
        assert!(pending.small.capacity() <= PLACE);
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
        assert!(pending.small.capacity() <= PLACE);
    }
}
