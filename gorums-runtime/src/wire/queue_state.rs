//! The state of a queue: its messages, and the stream that takes them.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::capacity::Capacity;
use super::frame::Frame;
use super::gate::Meter;
use super::line::Line;
use super::owner::Owner;
use super::pending::{Burst, Pending};
use super::stream_number::StreamNumber;
use crate::call::Receipt;

/// Whether a message is the first for its stream, which must be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stream that is not opened takes no messages"]
pub(crate) struct IsFirst(pub(crate) bool);

/// The state of a [`Queue`](super::Queue), under its lock.
#[derive(Debug)]
pub(super) struct QueueState {
    pub(super) pending: Pending,
    /// The messages that wait for room. Empty unless there is no room for the first of them; later ones wait behind it.
    pub(super) line: Line,
    /// The stream that takes the messages. The streams to a peer follow each other.
    pub(super) stream: StreamNumber,
    /// Whether it has been opened, or is being opened.
    begun: bool,
    /// When it first asked for messages.
    pub(super) opened: Option<Instant>,
    /// Whether no more messages will be added.
    pub(super) closed: bool,
    sender: Option<Waker>,
    /// Whether the sender has yielded since the queue was last empty.
    yielded: bool,
    /// Whether the last burst had several messages.
    crowded: bool,
    /// Only in a queue of replies.
    pub(super) meter: Option<Meter>,
}

impl QueueState {
    pub(super) fn new(stream: StreamNumber) -> Self {
        Self {
            pending: Pending::new(),
            line: Line::default(),
            stream,
            begun: false,
            opened: None,
            closed: false,
            sender: None,
            yielded: false,
            crowded: false,
            meter: None,
        }
    }

    /// Ends the current stream: messages enqueued from now on are for the stream `next`. Returns the ended stream, and
    /// the receipts of its unsent messages.
    pub(super) fn end_stream(
        &mut self,
        next: StreamNumber,
    ) -> (StreamNumber, impl Iterator<Item = Receipt> + use<>) {
        let ended = std::mem::replace(&mut self.stream, next);
        self.begun = false;
        self.opened = None;
        // Lets the sender of the ended stream notice its end.
        self.wake();
        let receipts = self.pending.clear();
        self.note();
        (ended, receipts)
    }

    /// Adds a message if there is room for it and none waits before it.
    pub(super) fn push_in_turn<'a>(
        &mut self,
        capacity: Capacity,
        frame: &Frame,
        owner: Owner<'a>,
    ) -> Result<IsFirst, Owner<'a>> {
        match self.line.is_empty() {
            true => self.push_within(capacity, frame, owner),
            false => Err(owner),
        }
    }

    pub(super) fn push_within<'a>(
        &mut self,
        capacity: Capacity,
        frame: &Frame,
        owner: Owner<'a>,
    ) -> Result<IsFirst, Owner<'a>> {
        if !self.make_room(capacity, frame.as_slice().len()) {
            return Err(owner);
        }
        owner.note_sent(self.stream);
        self.push(frame, owner);
        Ok(IsFirst(!std::mem::replace(&mut self.begun, true)))
    }

    /// Begins the stream without a message, unless it has begun. `None` if the queue is closed.
    pub(super) fn begin(&mut self) -> Option<IsFirst> {
        (!self.closed).then(|| IsFirst(!std::mem::replace(&mut self.begun, true)))
    }

    /// Adds the waiting messages that have room now. Must be called whenever there may be more room.
    pub(super) fn admit(&mut self, capacity: Capacity) -> IsFirst {
        let mut is_first = false;
        while let Some(bytes) = self.line.first().map(|first| first.frame.as_slice().len())
            && self.make_room(capacity, bytes)
            && let Some(first) = self.line.pop()
        {
            first.admit(|frame, owner| {
                owner.note_sent(self.stream);
                self.push(frame, owner);
            });
            is_first |= !std::mem::replace(&mut self.begun, true);
        }
        IsFirst(is_first)
    }

    /// Whether there is room, after removing messages that were withdrawn if necessary.
    pub(super) fn make_room(&mut self, capacity: Capacity, bytes: usize) -> bool {
        if self.has_room(capacity, bytes) {
            return true;
        }
        self.pending.make_room();
        self.has_room(capacity, bytes)
    }

    /// A message of any size has room in an empty queue.
    fn has_room(&self, capacity: Capacity, bytes: usize) -> bool {
        let fits = self.pending.len() < capacity.messages
            && self.pending.bytes().saturating_add(bytes) <= capacity.bytes
            && !self.meter.as_ref().is_some_and(Meter::is_peer_full);
        fits || self.pending.len() == 0
    }

    pub(super) fn push(&mut self, frame: &Frame, owner: Owner<'_>) {
        self.pending.push(frame, owner);
        self.note();
        self.wake();
    }

    #[inline]
    fn note(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.note(self.pending.len(), self.pending.bytes());
        }
    }

    /// Takes the next burst of messages for `stream`. Ready with false when the stream has ended.
    #[inline]
    pub(super) fn poll_take(
        &mut self,
        capacity: Capacity,
        stream: StreamNumber,
        burst: &mut Burst,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        if self.stream != stream {
            return Poll::Ready(false);
        }
        if self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        if self.pending.len() == 0 {
            if self.closed {
                return Poll::Ready(false);
            }
            self.yielded = false;
            self.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.lets_others_fill() {
            return pin!(tokio::task::yield_now()).poll(cx).map(|()| false);
        }
        self.crowded = self.pending.len() > 1;
        self.pending.take(burst);
        self.note();
        // The stream is open.
        let _ = self.admit(capacity);
        Poll::Ready(true)
    }

    /// Whether the sender is to yield once, so that one burst carries the messages of all who are about to send.
    ///
    /// Callers send at the same time: without the yield the first message would leave alone, and those that follow it
    /// at once would wait for the next burst. The yield is tokio's, which lasts until the worker has nothing else to
    /// do; one that another worker can take up at once costs throughput (`bench/`, 64 calls in flight). A queue whose
    /// last burst had one message does not yield: there, one call at a time has nobody to wait for.
    fn lets_others_fill(&mut self) -> bool {
        self.crowded && !std::mem::replace(&mut self.yielded, true)
    }

    pub(super) fn wake(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }
}
