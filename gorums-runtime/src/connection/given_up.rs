//! Connections that are given up from outside.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

/// Whether a connection is given up, though it has not broken: its node does not answer on it.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    is_set: AtomicBool,
    reader: AtomicWaker,
}

impl GivenUp {
    pub(super) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// An error once the connection is given up.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.is_set.load(Ordering::Acquire) {
            true => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the node does not answer on the connection",
            )),
            false => Ok(()),
        }
    }

    /// Wakes who waits for something to read when the connection is given up. The same as [`check`](Self::check).
    pub(super) fn register(&self, reader: &Waker) -> io::Result<()> {
        self.reader.register(reader);
        self.check()
    }
}
