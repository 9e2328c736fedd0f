//! Lets a node's link give up its connections.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

/// Whether a connection is given up: it has not failed, but the node does not answer on it.
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

    /// Fails once the connection is given up.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.is_set.load(Ordering::Acquire) {
            true => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the node does not answer on the connection",
            )),
            false => Ok(()),
        }
    }

    /// Like [`check`](Self::check), and wakes `reader` when the connection is given up.
    pub(super) fn register(&self, reader: &Waker) -> io::Result<()> {
        self.reader.register(reader);
        self.check()
    }
}
