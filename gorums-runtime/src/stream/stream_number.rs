//! Which of the streams to one peer.

use std::num::NonZeroU32;

/// Which of the streams to one peer, that follow each other. It is small because calls have one for each node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamNumber(NonZeroU32);

impl StreamNumber {
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);

    /// The stream after this one. No call is left of the one that once had the same number.
    pub(super) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU32::MIN))
    }
}
