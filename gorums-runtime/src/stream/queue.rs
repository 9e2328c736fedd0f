//! What is to be sent on a stream.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;
use tonic::Status;

use super::inbox::Inbox;
use crate::grpc::Receipt;

/// How many bytes are handed to HTTP/2 at once, at most, unless one message has more. A frame for each message would
/// have each flushed on its own.
const BURST: usize = 32 * 1024;

/// For how many messages the memory that they pass through is kept.
const KEPT: usize = 1024;

/// How much may wait to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The messages that wait to be sent to one peer, in the order in which they are.
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: Capacity,
    state: Mutex<State>,
    room: Notify,
    /// Those who wait for room take it in the order in which they came.
    line: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    /// At most how many items are of calls that were withdrawn.
    withdrawn: usize,
    /// How many messages stand in line for room. Until they have it there is none for those that come later.
    in_line: usize,
    /// Which stream takes the messages: streams to one peer follow each other.
    stream: u64,
    /// Whether there was a message for it.
    begun: bool,
    /// Whether there is no more to come.
    closed: bool,
    sender: Option<Waker>,
    /// Whether the stream has let those that fill the queue go on since it was last empty.
    yielded: bool,
}

/// A message that waits to be sent.
#[derive(Debug)]
pub(crate) struct Item {
    frame: Bytes,
    of: Of,
}

/// What a message is of.
#[derive(Debug)]
enum Of {
    /// It is the request of a call that waits for replies, for the node at this index.
    Call(Arc<Inbox>, usize),
    /// It is the request of a one-way call, for which somebody may wait until it is sent.
    OneWay(Withdrawal, Receipt),
    /// It is a reply, or of the protocol itself.
    Other,
}

/// Says whether a one-way call is withdrawn, so that it need not be sent any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withdrawal(Arc<AtomicBool>);

impl Withdrawal {
    pub(crate) fn withdraw(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Queue {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
            room: Notify::new(),
            line: tokio::sync::Mutex::default(),
        }
    }

    /// Adds a message, or gives it back if there is no room for it. Returns whether it is the first for its stream, which
    /// must be opened.
    pub(crate) fn push(&self, item: Item) -> Result<bool, Item> {
        let mut state = self.lock();
        match state.in_line {
            0 => state.push_within(self.capacity, item),
            _ => Err(item),
        }
    }

    /// Adds a message once there is room for it, and those that waited before have theirs. Returns whether it is the first
    /// for its stream, which must be opened.
    pub(crate) async fn push_when_room(&self, item: Item) -> bool {
        let item = match self.push(item) {
            Ok(is_first) => return is_first,
            Err(item) => item,
        };
        let _in_line = InLine::stand(self);
        let _first = self.line.lock().await;
        self.push_when_within(self.capacity, item).await
    }

    /// Adds a message once the queue is a quarter full at most, so that those who cannot wait find room.
    pub(crate) async fn push_with_patience(&self, item: Item) {
        let Capacity { messages, bytes } = self.capacity;
        let quarter = Capacity {
            messages: messages.div_ceil(4),
            bytes: bytes.div_ceil(4),
        };
        self.push_when_within(quarter, item).await;
    }

    async fn push_when_within(&self, capacity: Capacity, mut item: Item) -> bool {
        loop {
            let room = self.room.notified();
            let pushed = self.lock().push_within(capacity, item);
            match pushed {
                Ok(is_first) => return is_first,
                Err(back) => item = back,
            }
            room.await;
        }
    }

    /// Adds a small message of the protocol itself that is for `stream`, unless that is over, if there is any room for it.
    pub(crate) fn push_notice(&self, stream: u64, frame: Bytes) {
        let mut state = self.lock();
        if state.stream == stream && state.items.len() < 2 * self.capacity.messages {
            state.push(Item::other(frame));
        }
    }

    /// Notes that a message was withdrawn that may be here.
    pub(crate) fn note_withdrawn(&self) {
        self.lock().withdrawn += 1;
    }

    /// Ends the stream that takes the messages once it has taken those that are here.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake();
    }

    /// The stream that takes the messages.
    pub(crate) fn stream(&self) -> u64 {
        self.lock().stream
    }

    /// Whether there is room for a message of this size.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let mut state = self.lock();
        state.in_line == 0 && state.make_room(self.capacity, bytes)
    }

    /// Fails what waits to be sent on a stream that has broken. What is added from now on is for the next one. Returns
    /// the stream.
    pub(crate) fn fail(&self, status: &Status) -> u64 {
        let (stream, items) = {
            let mut state = self.lock();
            let stream = state.stream;
            state.stream += 1;
            state.begun = false;
            state.bytes = 0;
            state.withdrawn = 0;
            state.sender = None;
            (stream, std::mem::take(&mut state.items))
        };
        for item in items {
            if let Of::OneWay(_, receipt) = item.of {
                receipt.sign(Err(status.clone()));
            }
        }
        self.room.notify_waiters();
        stream
    }

    /// The next bytes for `stream`; none when it is over. `taken` is where the messages in them pass through.
    pub(crate) fn poll_burst(
        &self,
        stream: u64,
        taken: &mut Vec<Item>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Bytes>> {
        loop {
            match self.lock().poll_take(stream, taken, cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
            self.room.notify_waiters();
            taken.retain(|item| !item.is_withdrawn());
            let burst = match &taken[..] {
                [] => continue,
                [one] => one.frame.clone(),
                several => join(several),
            };
            for item in taken.drain(..) {
                if let Of::OneWay(_, receipt) = item.of {
                    receipt.sign(Ok(()));
                }
            }
            taken.shrink_to(KEPT);
            return Poll::Ready(Some(burst));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of several messages.
fn join(items: &[Item]) -> Bytes {
    let mut joined = Vec::with_capacity(items.iter().map(|item| item.frame.len()).sum());
    for item in items {
        joined.extend_from_slice(&item.frame);
    }
    joined.into()
}

/// A place in the line for room.
struct InLine<'a>(&'a Queue);

impl<'a> InLine<'a> {
    fn stand(queue: &'a Queue) -> Self {
        queue.lock().in_line += 1;
        Self(queue)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.lock().in_line -= 1;
    }
}

impl State {
    /// Returns whether the message is the first for its stream.
    fn push_within(&mut self, capacity: Capacity, item: Item) -> Result<bool, Item> {
        if !self.make_room(capacity, item.frame.len()) {
            return Err(item);
        }
        if let Of::Call(call, index) = &item.of {
            call.sent(*index, self.stream);
        }
        self.push(item);
        Ok(!std::mem::replace(&mut self.begun, true))
    }

    /// Whether there is room, without the messages that were withdrawn.
    fn make_room(&mut self, capacity: Capacity, bytes: usize) -> bool {
        if self.has_room(capacity, bytes) {
            return true;
        }
        self.purge();
        self.has_room(capacity, bytes)
    }

    /// A message of any size has room in an empty queue.
    fn has_room(&self, capacity: Capacity, bytes: usize) -> bool {
        let fits = self.items.len() < capacity.messages
            && self.bytes.saturating_add(bytes) <= capacity.bytes;
        fits || self.items.is_empty()
    }

    fn push(&mut self, item: Item) {
        self.bytes += item.frame.len();
        self.items.push_back(item);
        self.wake();
    }

    /// Takes the next messages for `stream`, as many as are sent at once. Whether there are any, or the stream is over.
    fn poll_take(
        &mut self,
        stream: u64,
        taken: &mut Vec<Item>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        if self.stream != stream {
            return Poll::Ready(false);
        }
        if self.items.is_empty() {
            if self.closed {
                return Poll::Ready(false);
            }
            self.yielded = false;
            self.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Calls come in bursts: the first message is not sent before those that are about to follow it are here. The
        // yield is tokio's, which lasts until the worker has nothing else to do: with one that another worker takes up
        // at once a tenth fewer calls are made per second (64 in flight).
        if !std::mem::replace(&mut self.yielded, true) {
            return pin!(tokio::task::yield_now()).poll(cx).map(|()| false);
        }
        let mut bytes = 0;
        while let Some(next) = self.items.front()
            && (bytes == 0 || bytes + next.frame.len() <= BURST)
        {
            bytes += next.frame.len();
            taken.extend(self.items.pop_front());
        }
        self.bytes -= bytes;
        Poll::Ready(true)
    }

    /// Removes the messages of calls that were withdrawn, if that makes much room: a queue that nobody reads is not
    /// gone through for each message.
    fn purge(&mut self) {
        if 2 * self.withdrawn < self.items.len() {
            return;
        }
        self.withdrawn = 0;
        self.items.retain(|item| !item.is_withdrawn());
        self.bytes = self.items.iter().map(|item| item.frame.len()).sum();
    }

    fn wake(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }
}

impl Item {
    /// The request of a call that waits for replies, for the node at `index`.
    pub(crate) fn request(frame: Bytes, call: Arc<Inbox>, index: usize) -> Self {
        let of = Of::Call(call, index);
        Self { frame, of }
    }

    /// The request of a one-way call. Its being sent is noted on `receipt`.
    pub(crate) fn one_way(frame: Bytes, withdrawal: Withdrawal, receipt: Receipt) -> Self {
        let of = Of::OneWay(withdrawal, receipt);
        Self { frame, of }
    }

    /// A message that nobody waits for.
    pub(crate) fn other(frame: Bytes) -> Self {
        Self {
            frame,
            of: Of::Other,
        }
    }

    fn is_withdrawn(&self) -> bool {
        match &self.of {
            Of::Call(call, _) => call.is_withdrawn(),
            Of::OneWay(withdrawal, _) => withdrawal.0.load(Ordering::Acquire),
            Of::Other => false,
        }
    }
}
