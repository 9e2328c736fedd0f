//! Counts the waiting requests of one peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of the requests that wait on all streams of a peer. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerBacklog(Arc<AtomicUsize>);

impl PeerBacklog {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Removes bytes that were added.
    pub(crate) fn subtract(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}
