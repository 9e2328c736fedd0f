//! The outgoing messages of one stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use crate::call::{Deadline, HandedOver};

/// How many bytes of messages are sent as one piece: HTTP/2's default size of a frame.
const PIECE: usize = 16 * 1024;

/// The outgoing messages of one stream, in send order. A cheap handle: clones share the queue.
#[derive(Clone, Debug)]
pub(super) struct MessageQueue(Arc<Mutex<QueueState>>);

#[derive(Debug)]
struct QueueState {
    waiting: BTreeMap<u64, OutgoingMessage>,
    /// The number of the next message.
    next: u64,
    phase: Phase,
    /// Wakes the task that waits for a message.
    reader: Option<Waker>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Accepts messages.
    Open,
    /// Accepts no more messages, but still sends those that wait.
    Closed,
    /// Sends nothing more.
    Ended,
}

/// An encoded message, and how to report what becomes of it.
#[derive(Debug)]
pub(super) struct OutgoingMessage {
    pub(super) frame: Bytes,
    /// When it was enqueued.
    pub(super) start: Instant,
    /// The span of its call.
    pub(super) span: Span,
    pub(super) deadline: Deadline,
    pub(super) receipt: oneshot::Sender<HandedOver>,
}

/// A message in its queue.
#[derive(Debug)]
pub(crate) struct Queued {
    queue: MessageQueue,
    number: u64,
    /// How many messages were already waiting.
    pub(super) before: usize,
}

impl MessageQueue {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(QueueState {
            waiting: BTreeMap::new(),
            next: 0,
            phase: Phase::Open,
            reader: None,
        })))
    }

    /// Creates a queue in which `message` waits.
    pub(super) fn with(message: OutgoingMessage) -> (Self, Queued) {
        let queue = Self::new();
        let queued = queue.add(&mut queue.lock(), message);
        (queue, queued)
    }

    /// Enqueues a message. Returns it if the queue accepts no more.
    pub(super) fn push(&self, message: OutgoingMessage) -> Result<Queued, OutgoingMessage> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Err(message);
        }
        let queued = self.add(&mut state, message);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Ok(queued)
    }

    fn add(&self, state: &mut QueueState, message: OutgoingMessage) -> Queued {
        let queued = Queued {
            queue: self.clone(),
            number: state.next,
            before: state.waiting.len(),
        };
        state.waiting.insert(queued.number, message);
        state.next += 1;
        queued
    }

    /// Returns the next messages in one piece, once there are any, and signs their receipts. `None` once there can be
    /// no more.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        let messages = state.take_next();
        if messages.is_empty() {
            if state.phase != Phase::Open {
                return Poll::Ready(None);
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(Some(hand_over(messages)))
    }

    /// Whether the queue is empty and stays so.
    pub(super) fn is_drained(&self) -> bool {
        let state = self.lock();
        state.phase != Phase::Open && state.waiting.is_empty()
    }

    /// Accepts no more messages. Those that wait are still sent.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closed;
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Accepts no more messages, and returns those that wait, which are not sent.
    pub(super) fn end(&self) -> impl Iterator<Item = OutgoingMessage> + use<> {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        let failed = std::mem::take(&mut state.waiting);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        failed.into_values()
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Removes the next messages: as many as fit one piece, and at least one. Drops those whose deadline has passed;
    /// their senders notice.
    fn take_next(&mut self) -> Vec<OutgoingMessage> {
        let mut messages: Vec<OutgoingMessage> = Vec::new();
        let mut size = 0;
        while let Some(first) = self.waiting.first_entry() {
            if first.get().deadline.has_passed() {
                first.remove();
                continue;
            }
            size += first.get().frame.len();
            if size > PIECE && !messages.is_empty() {
                break;
            }
            messages.push(first.remove());
        }
        messages
    }
}

/// Joins the messages into one piece, and signs their receipts.
fn hand_over(messages: Vec<OutgoingMessage>) -> Bytes {
    let piece = match &*messages {
        [message] => message.frame.clone(),
        messages => {
            let size = messages.iter().map(|message| message.frame.len()).sum();
            let mut piece = BytesMut::with_capacity(size);
            for message in messages {
                piece.extend_from_slice(&message.frame);
            }
            piece.freeze()
        }
    };
    for message in messages {
        // Fails only if the call was detached.
        let _ = message.receipt.send(Ok(()));
    }
    piece
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Queued {
    /// Removes the message, unless it has been sent.
    pub(crate) fn withdraw(&self) {
        let withdrawn = self.queue.lock().waiting.remove(&self.number);
        drop(withdrawn);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::task::noop_waker;
    use oneshot::error::TryRecvError;

    use super::*;

    fn message(text: &'static [u8]) -> (OutgoingMessage, oneshot::Receiver<HandedOver>) {
        let (receipt, sent) = oneshot::channel();
        let message = OutgoingMessage {
            frame: Bytes::from_static(text),
            start: Instant::now(),
            span: Span::none(),
            deadline: Deadline::after(None),
            receipt,
        };
        (message, sent)
    }

    fn next(queue: &MessageQueue) -> Poll<Option<Bytes>> {
        queue.poll_next(&mut Context::from_waker(&noop_waker()))
    }

    fn piece(text: &'static [u8]) -> Poll<Option<Bytes>> {
        Poll::Ready(Some(Bytes::from_static(text)))
    }

    #[test]
    fn what_waits_is_sent_in_order_in_pieces_that_have_a_bound() {
        let queue = MessageQueue::new();
        static LARGE: [u8; PIECE] = [0; PIECE];
        for text in [b"a", b"b", &LARGE[..], b"c"] {
            assert!(queue.push(message(text).0).is_ok());
        }
        assert_eq!(next(&queue), piece(b"ab"));
        assert_eq!(next(&queue), piece(&LARGE));
        assert_eq!(next(&queue), piece(b"c"));
        assert_eq!(next(&queue), Poll::Pending);
    }

    #[test]
    fn a_message_that_is_withdrawn_is_not_sent() {
        let queue = MessageQueue::new();
        let (withdrawn, mut sent) = message(b"a");
        let withdrawn = queue.push(withdrawn).expect("an open queue");
        assert!(queue.push(message(b"b").0).is_ok());
        withdrawn.withdraw();
        assert_eq!(next(&queue), piece(b"b"));
        assert!(matches!(sent.try_recv(), Err(TryRecvError::Closed)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_late_is_not_sent() {
        let queue = MessageQueue::new();
        let (mut late, mut sent) = message(b"a");
        late.deadline = Deadline::after(Some(Duration::from_millis(1)));
        assert!(queue.push(late).is_ok());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(next(&queue), Poll::Pending);
        assert!(matches!(sent.try_recv(), Err(TryRecvError::Closed)));
    }

    #[test]
    fn a_queue_that_is_closed_sends_what_waits_and_takes_no_more() {
        let queue = MessageQueue::new();
        let (waiting, mut sent) = message(b"a");
        assert!(queue.push(waiting).is_ok());
        queue.close();
        assert!(queue.push(message(b"b").0).is_err());
        assert!(!queue.is_drained());
        assert_eq!(next(&queue), piece(b"a"));
        assert_eq!(sent.try_recv().map(|sent| sent.is_ok()), Ok(true));
        assert_eq!(next(&queue), Poll::Ready(None));
        assert!(queue.is_drained());
    }

    #[test]
    fn a_queue_that_ends_gives_up_what_waits_and_takes_no_more() {
        let queue = MessageQueue::new();
        assert!(queue.push(message(b"a").0).is_ok());
        let given_up: Vec<_> = queue.end().map(|message| message.frame).collect();
        assert_eq!(given_up, [Bytes::from_static(b"a")]);
        assert!(queue.push(message(b"b").0).is_err());
        assert_eq!(next(&queue), Poll::Ready(None));
    }
}
