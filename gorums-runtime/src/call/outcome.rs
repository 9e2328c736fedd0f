//! How calls end.

use std::fmt;

/// How a call of a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// Its quorum function decided; responses: their reader stopped reading.
    Decided,
    /// Too few nodes replied; see [`QuorumCallErrorKind`](crate::errors::QuorumCallErrorKind).
    Incomplete,
    /// Its deadline passed.
    DeadlineExceeded,
    /// Its manager was closed.
    Closed,
    /// A function of the user panicked.
    Panicked,
    /// Its node replied; responses: all nodes replied or failed.
    Answered,
    /// One-way calls: the request was handed to the transport on all nodes.
    Sent,
    /// One-way calls and calls to one node: with an error.
    Failed,
    /// One-way calls: its caller detached it.
    Detached,
    /// It was dropped, or the call that it served was given up.
    Cancelled,
}

impl CallOutcome {
    /// The name, such as `deadline_exceeded`, as spans and metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Incomplete => "incomplete",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Closed => "closed",
            Self::Panicked => "panicked",
            Self::Answered => "answered",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Detached => "detached",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The [name](CallOutcome::name).
impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
