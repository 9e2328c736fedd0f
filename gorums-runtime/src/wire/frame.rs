//! Encoded messages of node streams.

use std::cell::Cell;

use bytes::Bytes;

/// An encoded message with gRPC's prefix.
///
/// Queues copy small messages and share large ones.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Small(Scratch),
    Large(Bytes),
}

/// Memory for a small message. The next one of the same thread reuses it.
///
/// Calls and handlers create many and drop them at once. `bench/benches/instructions.rs` counts what an allocation for
/// each would cost.
#[derive(Clone, Debug)]
pub(crate) struct Scratch(Vec<u8>);

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Frame {
    /// The most bytes of a small message.
    pub(super) const SMALL: usize = 4 * 1024;

    /// A message of `len` bytes, which `write` appends.
    pub(super) fn written(len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        if len <= Self::SMALL {
            let mut scratch = Scratch::take();
            write(&mut scratch.0);
            Self::Small(scratch)
        } else {
            let mut bytes = Vec::with_capacity(len);
            write(&mut bytes);
            Self::Large(bytes.into())
        }
    }

    /// The same message in no more memory than it needs, for messages that have to wait.
    pub(super) fn set_aside(self) -> Self {
        match self {
            // A copy has no spare capacity.
            Self::Small(scratch) if scratch.0.capacity() >= Self::SMALL => {
                Self::Small(scratch.clone())
            }
            frame => frame,
        }
    }

    /// The bytes as a shared handle.
    pub(super) fn share(&self) -> Bytes {
        match self {
            Self::Small(scratch) => Bytes::copy_from_slice(&scratch.0),
            Self::Large(bytes) => bytes.clone(),
        }
    }

    /// All of its bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => &bytes.0,
            Self::Large(bytes) => bytes,
        }
    }
}

impl Scratch {
    #[inline]
    fn take() -> Self {
        // The thread-local is gone while the thread ends.
        let mut bytes = SPARE.try_with(Cell::take).unwrap_or_default();
        bytes.reserve(Frame::SMALL);
        Self(bytes)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        // Clones have no spare capacity, and are not worth keeping.
        if bytes.capacity() >= Frame::SMALL {
            bytes.clear();
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Frame {
        Frame::written(3, |bytes| bytes.extend_from_slice(b"abc"))
    }

    fn memory(frame: &Frame) -> (*const u8, usize) {
        match frame {
            Frame::Small(Scratch(bytes)) => (bytes.as_ptr(), bytes.capacity()),
            Frame::Large(bytes) => (bytes.as_ptr(), bytes.len()),
        }
    }

    #[test]
    fn a_small_message_lies_where_the_one_before_did() {
        let first = memory(&small());
        assert_eq!(memory(&small()), first);
    }

    #[test]
    fn a_small_message_that_waits_has_no_more_memory_than_it_needs() {
        let message = small();
        let spare = memory(&message);
        let waiting = message.set_aside();
        assert_eq!(waiting.as_slice(), b"abc");
        assert_eq!(memory(&waiting).1, 3);
        assert_eq!(memory(&small()), spare);
    }
}
