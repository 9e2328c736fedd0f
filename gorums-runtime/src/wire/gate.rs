//! Whether a peer that is answered may have more to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures::task::AtomicWaker;

use super::capacity::Capacity;
use super::unread::Unread;

/// By how many bytes what a peer has not read on a stream differs from what is known of it elsewhere, at most.
const GRAIN: usize = 64 * 1024;

/// Whether there is room for more replies on a stream: in its own queue, and among all that its peer has not read.
#[derive(Debug)]
pub(super) struct Gate {
    capacity: Capacity,
    unread: Arc<Unread>,
    /// Whether the queue has as much as it may have.
    is_full: AtomicBool,
    /// Whether somebody waits for room.
    is_awaited: AtomicBool,
    waiting: AtomicWaker,
}

/// Keeps a gate informed of its queue.
#[derive(Debug)]
pub(super) struct Meter {
    gate: Arc<Gate>,
    /// How many bytes the peer's account has for the queue.
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

    /// What the peer has not read on all of its streams.
    pub(super) fn unread(&self) -> &Unread {
        &self.unread
    }

    /// Has the task woken when the queue changes.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        self.waiting.register(cx.waker());
        self.is_awaited.store(true, Ordering::Release);
    }
}

impl Meter {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, reported: 0 }
    }

    /// Whether the peer's streams together have as much as they may have.
    pub(super) fn is_peer_full(&self) -> bool {
        self.gate.unread.is_full()
    }

    /// Takes down how much is in the queue.
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
