//! Reads and writes.

use std::fmt;

/// What a quorum is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads, or phase 1 of consensus.
    Read,
    /// Writes, or phase 2 of consensus.
    Write,
}

/// `read` or `write`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}
