//! The numbers of streams.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a stream among all that a manager has opened, to any node. A number is never used again, so nothing of
/// one stream can be mistaken for a part of a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamNumber(NonZeroU64);

/// Numbers the streams of one manager. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamNumbers(Arc<AtomicU64>);

impl StreamNumber {
    /// The first number of a manager.
    #[cfg(test)]
    pub(crate) const FIRST: Self = Self(NonZeroU64::MIN);

    /// The number as it is sent to servers.
    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }

    #[cfg(test)]
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl StreamNumbers {
    /// The number of the next stream. A manager that opened one each nanosecond would run out in 500 years.
    pub(crate) fn next(&self) -> StreamNumber {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        StreamNumber(NonZeroU64::MIN.saturating_add(before))
    }
}
