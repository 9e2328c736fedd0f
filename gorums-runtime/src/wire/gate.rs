//! Whether a peer may be sent more replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures::task::AtomicWaker;

use super::capacity::Capacity;
use super::unread::Unread;

/// The most bytes by which a queue may differ from the peer's account before the account is updated.
const GRAIN: usize = 64 * 1024;

/// Whether a stream has room for more replies: in its own queue, and in the account of its peer's unread replies.
#[derive(Debug)]
pub(super) struct Gate {
    capacity: Capacity,
    unread: Arc<Unread>,
    /// Whether the queue is full.
    is_full: AtomicBool,
    /// Whether somebody waits for room.
    is_awaited: AtomicBool,
    waiting: AtomicWaker,
}

/// Keeps a gate informed of its queue.
#[derive(Debug)]
pub(super) struct Meter {
    gate: Arc<Gate>,
    /// How many bytes of the queue the peer's account contains.
    reported: usize,
}

impl Gate {
    pub(super) fn new(capacity: Capacity, unread: Arc<Unread>) -> Self {
        Self {
            capacity,
            unread,
            is_full: AtomicBool::new(false),
            is_awaited: AtomicBool::new(false),
            waiting: AtomicWaker::new(),
        }
    }

    /// Whether there is room.
    pub(super) fn is_open(&self) -> bool {
        !self.is_full.load(Ordering::Acquire) && !self.unread.is_full()
    }

    /// The account of the peer's unread replies on all of its streams.
    pub(super) fn unread(&self) -> &Unread {
        &self.unread
    }

    /// Wakes the task when the queue changes.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        self.waiting.register(cx.waker());
        self.is_awaited.store(true, Ordering::Release);
    }
}

impl Meter {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, reported: 0 }
    }

    /// Whether the account of the peer is full.
    pub(super) fn is_peer_full(&self) -> bool {
        self.gate.unread.is_full()
    }

    /// Records how much is in the queue.
    #[inline]
    pub(super) fn note(&mut self, messages: usize, bytes: usize) {
        let Self { gate, reported } = self;
        let full = messages >= gate.capacity.messages || bytes >= gate.capacity.bytes;
        if full != gate.is_full.load(Ordering::Relaxed) {
            gate.is_full.store(full, Ordering::Release);
        }
        if bytes >= *reported + GRAIN {
            gate.unread.add(bytes - *reported);
            *reported = bytes;
        } else if bytes + GRAIN <= *reported || (bytes == 0 && *reported > 0) {
            gate.unread.subtract(*reported - bytes);
            *reported = bytes;
        }
        if gate.is_awaited.load(Ordering::Acquire) && gate.is_awaited.swap(false, Ordering::AcqRel)
        {
            gate.waiting.wake();
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.gate.unread.subtract(self.reported);
    }
}
