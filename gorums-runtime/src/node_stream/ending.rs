//! How streams end.

use std::sync::Arc;

use tonic::{Code, Status};

/// How a stream ended.
pub(super) struct Ending {
    pub(super) status: Status,
    pub(super) lesson: Lesson,
}

/// What the end of a stream means for the next one.
pub(super) enum Lesson {
    /// Nothing: no stream was opened.
    None,
    /// Streams to the node work: the next may be opened at once.
    Works,
    /// The node accepts no streams: the next must wait.
    Fails,
}

/// The status of the calls on a stream that ended with `status`. Refusals that a retry would not change are returned as
/// they are.
pub(super) fn broken(status: Status) -> Status {
    match status.code() {
        Code::Unimplemented => Status::unimplemented(
            "the node has no node streams (the method stream.Gorums/NodeStream); \
             if it is a plain gRPC server, call it with Transport::Grpc",
        ),
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::Unavailable => status,
        code => {
            let message = format!("the node ended the stream: {code:?}: {}", status.message());
            let mut unavailable = Status::unavailable(message);
            unavailable.set_source(Arc::new(status));
            unavailable
        }
    }
}
