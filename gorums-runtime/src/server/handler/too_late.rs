//! The end of calls whose handlers take too long.

use std::time::Duration;

use tonic::Status;

/// The status of a call whose handler takes longer than the replica allows.
pub(crate) fn too_late(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "the handler takes longer than {timeout:?}, the replica's limit"
    ))
}
