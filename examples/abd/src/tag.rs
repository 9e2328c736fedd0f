//! The order of writes.

use crate::proto::{Stored, Tag};

impl Tag {
    /// The tag's place in the order of all writes to the register.
    pub(crate) fn order(&self) -> (u64, u64) {
        (self.number, self.writer)
    }
}

impl Stored {
    /// The place of the value in the order of all writes, and (0, 0) for a register that was never written.
    pub(crate) fn order(&self) -> (u64, u64) {
        self.tag.unwrap_or_default().order()
    }
}
