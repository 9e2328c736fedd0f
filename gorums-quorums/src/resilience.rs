//! How many failures a system survives.

use crate::Kind;

/// How many nodes may fail, whichever they are, so that a quorum is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resilience {
    /// Failures that reads survive.
    pub reads: usize,
    /// Failures that writes survive.
    pub writes: usize,
    /// Whether these are the exact numbers. If there were too many quorums to enumerate, it may be fewer.
    pub is_exact: bool,
}

impl Resilience {
    /// Failures that both reads and writes survive.
    pub fn both(&self) -> usize {
        self.reads.min(self.writes)
    }

    /// Failures that this kind survives.
    pub fn of(&self, kind: Kind) -> usize {
        match kind {
            Kind::Read => self.reads,
            Kind::Write => self.writes,
        }
    }
}
