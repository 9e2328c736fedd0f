//! What the calls of a method may ask for, and get.

use std::time::Duration;

use tonic::Status;

/// What the calls of a method may ask for, and get.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallLimits {
    /// How many bytes a request may have. None is as many as a message of the stream.
    pub(crate) max_request_size: Option<usize>,
    /// How many bytes a reply may have. None is any number.
    pub(crate) max_reply_size: Option<usize>,
    /// How long a handler may take. None is for ever.
    pub(crate) timeout: Option<Duration>,
}

/// Checks the size of a request or a reply, whichever `what` says.
#[inline]
pub(crate) fn check_size(what: &str, bytes: usize, most: Option<usize>) -> Result<(), Status> {
    match most {
        Some(most) if bytes > most => Err(Status::out_of_range(format!(
            "the {what} has {bytes} bytes, and the replica's limit is {most} bytes"
        ))),
        _ => Ok(()),
    }
}

/// The status of a call whose handler takes longer than its replica lets it.
pub(crate) fn too_late(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "the handler takes longer than {timeout:?}, the replica's limit"
    ))
}
