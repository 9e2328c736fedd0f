//! The queue of outgoing messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tonic::Status;

use super::call_number::CallNumber;
use super::capacity::Capacity;
use super::frame::Frame;
use super::gate::{Gate, Meter};
use super::line::Ticket;
use super::owner::Owner;
use super::pending::Burst;
use super::queue_state::{IsFirst, QueueState};
use super::stream_number::{StreamNumber, StreamNumbers};
use super::unread::Unread;

/// How many messages a queue may have for which a message of the protocol itself is added in any case.
const NOTICES: usize = 4096;

/// The outgoing messages of one peer, in send order.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Queue {
    capacity: Capacity,
    streams: StreamNumbers,
    state: Mutex<QueueState>,
    room: Notify,
    /// Only in a queue of replies.
    gate: Option<Arc<Gate>>,
}

impl Queue {
    /// A queue whose streams have numbers of its own.
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self::with_numbers(capacity, StreamNumbers::default())
    }

    /// A queue whose streams get their numbers from `streams`.
    pub(crate) fn with_numbers(capacity: Capacity, streams: StreamNumbers) -> Self {
        Self {
            capacity,
            state: Mutex::new(QueueState::new(streams.next())),
            streams,
            room: Notify::new(),
            gate: None,
        }
    }

    /// A queue of replies to a peer whose unread replies `unread` counts.
    pub(crate) fn of_replies(capacity: Capacity, unread: Arc<Unread>) -> Self {
        let gate = Arc::new(Gate::new(capacity, unread));
        let mut queue = Self::new(capacity);
        queue.lock().meter = Some(Meter::new(Arc::clone(&gate)));
        queue.gate = Some(gate);
        queue
    }

    /// Adds the reply of a call that was admitted while there was room. Returns false, without adding it, if the peer's
    /// unread replies leave no room for it.
    pub(crate) fn push_reply(&self, frame: &Frame) -> bool {
        let mut state = self.lock();
        let (bytes, alone) = (frame.as_slice().len(), state.pending.len() == 0);
        let has_room = match &self.gate {
            Some(gate) => bytes <= Frame::SMALL || gate.unread().has_room(bytes, alone),
            None => true,
        };
        if has_room {
            state.push(frame, Owner::Nobody);
        }
        has_room
    }

    /// Ready while there is room for the replies of further calls. If the peer has too many unread replies on other
    /// streams, there is room once it has read all replies on this one.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(gate) = &self.gate else {
            return Poll::Ready(());
        };
        if gate.is_open() {
            return Poll::Ready(());
        }
        gate.wait(cx);
        // Any change of the queue after this point wakes the task.
        let state = self.lock();
        if state.pending.len() == 0 || gate.is_open() {
            return Poll::Ready(());
        }
        drop(state);
        // Other streams of the peer may make room, too.
        match gate.unread().poll_room(cx).is_ready() && gate.is_open() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Adds a message of `owner`. Returns the owner if there is no room for it.
    pub(crate) fn push<'a>(&self, frame: &Frame, owner: Owner<'a>) -> Result<IsFirst, Owner<'a>> {
        self.lock().push_in_turn(self.capacity, frame, owner)
    }

    /// Begins the next stream without a message, unless it has begun. `None` if the queue is closed.
    pub(crate) fn begin(&self) -> Option<IsFirst> {
        self.lock().begin()
    }

    /// Adds a message once there is room for it and for those that have waited longer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes the message from the line, unless it has been added to the queue.
    pub(crate) async fn push_when_room(&self, frame: Frame, owner: Owner<'_>) -> IsFirst {
        let (place, admitted) = {
            let mut state = self.lock();
            let owner = match state.push_in_turn(self.capacity, &frame, owner) {
                Ok(is_first) => return is_first,
                Err(owner) => owner,
            };
            let (ticket, admitted) = state.line.push(frame, owner);
            let place = InLine {
                queue: self,
                ticket,
            };
            (place, admitted)
        };
        place.wait(admitted).await;
        // Whoever made room has started the stream if necessary.
        IsFirst(false)
    }

    /// Adds a message once the queue is at most a quarter full, which leaves room for senders that cannot wait.
    pub(crate) async fn push_with_patience(&self, mut frame: Frame, mut owner: Owner<'_>) {
        let Capacity { messages, bytes } = self.capacity;
        let quarter = Capacity {
            messages: messages.div_ceil(4),
            bytes: bytes.div_ceil(4),
        };
        loop {
            let room = self.room.notified();
            let pushed = self.lock().push_within(quarter, &frame, owner);
            match pushed {
                Ok(_) => return,
                Err(back) => owner = back,
            }
            frame = frame.set_aside();
            room.await;
        }
    }

    /// Adds a small message of the protocol itself for `stream`, unless that stream has ended or the queue is far too
    /// full.
    pub(crate) fn push_notice(&self, stream: StreamNumber, frame: &Frame) {
        let mut state = self.lock();
        let most = self.capacity.messages.saturating_mul(2).max(NOTICES);
        if state.stream == stream && state.pending.len() < most {
            state.push(frame, Owner::Nobody);
        }
    }

    /// Withdraws the message with this number, if it is here.
    pub(crate) fn withdraw(&self, number: CallNumber) {
        let mut state = self.lock();
        state.pending.withdraw(number);
        // The stream is open if messages wait for room.
        let _ = state.admit(self.capacity);
    }

    /// Ends the current stream once it has taken the messages that are enqueued.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake();
    }

    /// The current stream, which takes the messages.
    pub(crate) fn stream(&self) -> StreamNumber {
        self.lock().stream
    }

    /// When the current stream first asked for messages, and could carry requests from then on. `None` before that.
    pub(crate) fn opened(&self) -> Option<Instant> {
        self.lock().opened
    }

    /// How many messages there are, and how many bytes they have.
    #[cfg(feature = "metrics")]
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (state.pending.len(), state.pending.bytes())
    }

    /// Whether there is room for a message of this size.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let mut state = self.lock();
        state.line.is_empty() && state.make_room(self.capacity, bytes)
    }

    /// Fails the enqueued messages, because the current stream has broken. Messages that wait for room, and those added
    /// from now on, are for the next stream. Returns the broken stream, and whether the next one must be opened.
    pub(crate) fn fail(&self, status: &Status) -> (StreamNumber, IsFirst) {
        let (stream, receipts, is_first) = {
            let mut state = self.lock();
            let (stream, receipts) = state.end_stream(self.streams.next());
            (stream, receipts, state.admit(self.capacity))
        };
        for receipt in receipts {
            receipt.sign(Err(status.clone()));
        }
        self.room.notify_waiters();
        (stream, is_first)
    }

    /// The next bytes for `stream`; `None` when it has ended. `burst` is scratch memory, empty between calls.
    pub(crate) fn poll_burst(
        &self,
        stream: StreamNumber,
        burst: &mut Burst,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Bytes>> {
        loop {
            if !ready!(self.lock().poll_take(self.capacity, stream, burst, cx)) {
                return Poll::Ready(None);
            }
            self.room.notify_waiters();
            let bytes = burst.send();
            if !bytes.is_empty() {
                return Poll::Ready(Some(bytes));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line for room.
struct InLine<'a> {
    queue: &'a Queue,
    ticket: Ticket,
}

impl InLine<'_> {
    async fn wait(self, admitted: oneshot::Receiver<()>) {
        // An error is impossible: the line keeps the sender with the message until that is admitted.
        let _ = admitted.await;
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if state.line.remove(self.ticket).is_some() {
            // Messages behind it may be smaller and have room. The stream is open.
            let _ = state.admit(self.queue.capacity);
        }
    }
}

#[cfg(test)]
mod tests;
