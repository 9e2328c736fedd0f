//! The account of one peer's unread replies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// The bytes that one peer has not read yet, on all of its streams and calls.
#[derive(Debug)]
pub(crate) struct Unread {
    limit: usize,
    /// The bytes that an otherwise empty stream may always have, however full the account is.
    share: usize,
    bytes: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

impl Unread {
    /// An empty account with a limit of `limit` bytes, shared by up to `streams` streams.
    pub(crate) fn new(limit: usize, streams: usize) -> Self {
        Self {
            limit,
            share: limit / streams.max(1),
            bytes: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// The bytes that are unread.
    #[cfg(feature = "metrics")]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the limit is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= self.limit
    }

    /// Whether there is room for `bytes` more. `alone` means that nothing else waits on their stream.
    pub(crate) fn has_room(&self, bytes: usize, alone: bool) -> bool {
        let unread = self.bytes.load(Ordering::Acquire);
        let fits = unread.saturating_add(bytes) <= self.limit;
        fits || unread == 0 || (alone && bytes <= self.share)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Removes bytes that were added.
    pub(crate) fn subtract(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if before >= self.limit && before - bytes < self.limit {
            let waiting = std::mem::take(&mut *self.lock());
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Ready while the limit is not reached.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_full() {
            return Poll::Ready(());
        }
        let mut waiting = self.lock();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        // Whoever makes room after this point finds the waker.
        match self.is_full() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker_ref;

    use super::*;

    #[test]
    fn a_stream_on_which_nothing_waits_has_room_for_its_share_whatever_the_others_have() {
        let unread = Unread::new(100, 10);
        assert!(unread.has_room(1000, false), "nothing waits anywhere");
        unread.add(95);
        assert!(unread.has_room(5, false) && !unread.has_room(6, false));
        assert!(unread.has_room(10, true) && !unread.has_room(11, true));
    }

    #[tokio::test]
    async fn those_who_wait_for_room_are_woken_when_there_is_some() {
        let unread = std::sync::Arc::new(Unread::new(100, 10));
        unread.add(110);
        let waiting = tokio::spawn({
            let unread = std::sync::Arc::clone(&unread);
            async move { std::future::poll_fn(|cx| unread.poll_room(cx)).await }
        });
        let mut cx = Context::from_waker(noop_waker_ref());
        assert!(unread.poll_room(&mut cx).is_pending());
        tokio::task::yield_now().await;
        unread.subtract(5);
        assert!(unread.poll_room(&mut cx).is_pending());
        unread.subtract(6);
        waiting.await.expect("no panic");
    }
}
