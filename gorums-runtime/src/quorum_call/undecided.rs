//! Why a quorum call ends without a decision.

use std::fmt;

use super::error::QuorumCallErrorKind;
use crate::support::Panicked;

/// Why a quorum call ends without a decision: its error's kind, and the message of a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undecided {
    Incomplete,
    DeadlineExceeded,
    Closed,
    Cancelled,
    Panicked(Panicked),
    NotIdempotent,
}

impl Undecided {
    pub(super) fn kind(&self) -> QuorumCallErrorKind {
        match self {
            Self::Incomplete => QuorumCallErrorKind::Incomplete,
            Self::DeadlineExceeded => QuorumCallErrorKind::DeadlineExceeded,
            Self::Closed => QuorumCallErrorKind::Closed,
            Self::Cancelled => QuorumCallErrorKind::Cancelled,
            Self::Panicked(_) => QuorumCallErrorKind::Panicked,
            Self::NotIdempotent => QuorumCallErrorKind::NotIdempotent,
        }
    }

    /// The message of the panic, if there was one.
    pub(super) fn panic_message(&self) -> Option<&str> {
        match self {
            Self::Panicked(panicked) => Some(&panicked.0),
            _ => None,
        }
    }
}

/// The cause that has this kind, for errors that mocks return. A panic has no message then.
impl From<QuorumCallErrorKind> for Undecided {
    fn from(kind: QuorumCallErrorKind) -> Self {
        match kind {
            QuorumCallErrorKind::Incomplete => Self::Incomplete,
            QuorumCallErrorKind::DeadlineExceeded => Self::DeadlineExceeded,
            QuorumCallErrorKind::Closed => Self::Closed,
            QuorumCallErrorKind::Cancelled => Self::Cancelled,
            QuorumCallErrorKind::Panicked => Self::Panicked(Panicked::without_message()),
            QuorumCallErrorKind::NotIdempotent => Self::NotIdempotent,
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panicked) => panicked.fmt(f),
            _ => self.kind().fmt(f),
        }
    }
}
