//! How the messages of a service are received and sent.

use std::time::Duration;

use tonic::codec::{Codec, EnabledCompressionEncodings};
use tonic::server::Grpc;

/// What the messages of a service have in common. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceOptions {
    /// None is tonic's own limit of 4 MiB.
    pub(crate) max_request_size: Option<usize>,
    /// None is no limit.
    pub(crate) max_reply_size: Option<usize>,
    /// How long a handler may take; none is for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) accept_compressed: EnabledCompressionEncodings,
    pub(crate) send_compressed: EnabledCompressionEncodings,
}

impl ServiceOptions {
    /// A server end that keeps to them.
    pub(super) fn apply<C: Codec>(self, codec: C) -> Grpc<C> {
        Grpc::new(codec)
            .apply_compression_config(self.accept_compressed, self.send_compressed)
            .apply_max_message_size_config(self.max_request_size, self.max_reply_size)
    }
}
