//! Limits on the calls of a method.

use std::time::Duration;

use tonic::Status;

/// Limits on the calls of a method.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallLimits {
    /// The largest size of a request in bytes. `None`: that of the stream's messages.
    pub(crate) max_request_size: Option<usize>,
    /// The largest size of a reply in bytes. `None`: no limit.
    pub(crate) max_reply_size: Option<usize>,
    /// How long a handler may take. `None`: no limit.
    pub(crate) timeout: Option<Duration>,
}

/// Checks the size of `what`, a request or a reply.
#[inline]
pub(crate) fn check_size(what: &str, bytes: usize, most: Option<usize>) -> Result<(), Status> {
    match most {
        Some(most) if bytes > most => Err(Status::out_of_range(format!(
            "the {what} has {bytes} bytes, and the replica's limit is {most} bytes"
        ))),
        _ => Ok(()),
    }
}

/// The status of a call whose handler takes longer than the replica allows.
pub(crate) fn too_late(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "the handler takes longer than {timeout:?}, the replica's limit"
    ))
}
