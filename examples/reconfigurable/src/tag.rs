//! The order of writes, and that of ballots.

use crate::proto::{Ballot, Stored};

impl Stored {
    /// The place of the value in the order of all writes, and (0, 0) for a register that was never written.
    pub fn order(&self) -> (u64, u64) {
        let tag = self.tag.unwrap_or_default();
        (tag.number, tag.writer)
    }

    /// Replaces the value by one with a greater tag.
    pub(crate) fn advance(&mut self, other: Self) {
        if other.order() > self.order() {
            *self = other;
        }
    }
}

impl Ballot {
    /// The ballot's place in the order of all ballots.
    pub(crate) fn order(&self) -> (u64, u64) {
        (self.round, self.proposer)
    }
}
