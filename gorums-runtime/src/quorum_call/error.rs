//! Why a quorum call was not decided.

use std::error::Error;
use std::fmt;

use tonic::Status;

use super::undecided::Undecided;
use crate::call::CallOutcome;
use crate::node_info::{Listed, NodeError};

/// Why a quorum call was not decided.
#[derive(Clone, Debug)]
pub struct QuorumCallError(Box<ErrorDetails>);

#[derive(Clone, Debug)]
struct ErrorDetails {
    method: &'static str,
    cause: Undecided,
    replies: usize,
    errors: Vec<NodeError>,
}

/// How a quorum call ended without a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuorumCallErrorKind {
    /// Every node has answered, failed or been skipped, and the quorum function has not decided.
    Incomplete,
    /// The call's deadline passed.
    DeadlineExceeded,
    /// The manager of the configuration was closed.
    Closed,
    /// A handler made the call, and the caller of the call that the handler serves gave up.
    Cancelled,
    /// The quorum function, or the function that makes each node's request, panicked; see
    /// [`panic_message`](QuorumCallError::panic_message).
    Panicked,
    /// The call was to be [thrifty](crate::Thrifty), and its method is not declared idempotent. It was not sent.
    NotIdempotent,
}

impl QuorumCallError {
    pub(crate) fn new(
        method: &'static str,
        cause: Undecided,
        replies: usize,
        errors: Vec<NodeError>,
    ) -> Self {
        Self(Box::new(ErrorDetails {
            method,
            cause,
            replies,
            errors,
        }))
    }

    /// How the call ended.
    pub fn kind(&self) -> QuorumCallErrorKind {
        self.0.cause.kind()
    }

    /// The message of the panic that ended the call, if one did.
    pub fn panic_message(&self) -> Option<&str> {
        self.0.cause.panic_message()
    }

    /// How many replies the quorum function saw.
    pub fn replies(&self) -> usize {
        self.0.replies
    }

    /// The nodes on which the call failed, and why, in order of arrival. When the deadline passed, the nodes that
    /// had not answered are among them.
    pub fn errors(&self) -> &[NodeError] {
        &self.0.errors
    }
}

/// `register.Register/Read: incomplete call (replies: 1, errors: 2): node 1 (127.0.0.1:8080): Unavailable: ...`
impl fmt::Display for QuorumCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorDetails {
            method,
            cause,
            replies,
            errors,
        } = &*self.0;
        write!(
            f,
            "{method}: {cause} (replies: {replies}, errors: {})",
            errors.len()
        )?;
        if !errors.is_empty() {
            write!(f, ": {}", Listed(errors))?;
        }
        Ok(())
    }
}

impl fmt::Display for QuorumCallErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("incomplete call"),
            Self::DeadlineExceeded => f.write_str("deadline exceeded"),
            Self::Closed => f.write_str("the manager is closed"),
            Self::Cancelled => f.write_str("the caller of the call that this one serves gave up"),
            Self::Panicked => f.write_str("a function of the caller panicked"),
            Self::NotIdempotent => f.write_str(
                "a thrifty call needs a method with `option idempotency_level = NO_SIDE_EFFECTS` or `IDEMPOTENT` in its proto",
            ),
        }
    }
}

/// How the call ended, for its span.
impl From<QuorumCallErrorKind> for CallOutcome {
    fn from(kind: QuorumCallErrorKind) -> Self {
        match kind {
            QuorumCallErrorKind::Incomplete => Self::Incomplete,
            QuorumCallErrorKind::DeadlineExceeded => Self::DeadlineExceeded,
            QuorumCallErrorKind::Closed => Self::Closed,
            QuorumCallErrorKind::Cancelled => Self::Cancelled,
            QuorumCallErrorKind::Panicked => Self::Panicked,
            QuorumCallErrorKind::NotIdempotent => Self::Failed,
        }
    }
}

/// The nodes on which the call failed.
impl AsRef<[NodeError]> for QuorumCallError {
    fn as_ref(&self) -> &[NodeError] {
        self.errors()
    }
}

impl Error for QuorumCallError {}

/// The status with which a server answers when it could not complete a quorum call of its own.
impl From<QuorumCallError> for Status {
    fn from(error: QuorumCallError) -> Self {
        let message = error.to_string();
        match error.kind() {
            QuorumCallErrorKind::Incomplete | QuorumCallErrorKind::Closed => {
                Status::unavailable(message)
            }
            QuorumCallErrorKind::DeadlineExceeded => Status::deadline_exceeded(message),
            QuorumCallErrorKind::Cancelled => Status::cancelled(message),
            QuorumCallErrorKind::Panicked | QuorumCallErrorKind::NotIdempotent => {
                Status::internal(message)
            }
        }
    }
}
