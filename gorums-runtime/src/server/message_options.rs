//! How the messages of a service are received and sent.

use std::time::Duration;

use tonic::codec::{Codec, EnabledCompressionEncodings};
use tonic::server::Grpc;

/// What the messages of a service have in common. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MessageOptions {
    /// None is tonic's own limit of 4 MiB.
    pub(super) max_request_size: Option<usize>,
    /// None is no limit.
    pub(super) max_reply_size: Option<usize>,
    /// How long a handler may take; none is for ever.
    pub(super) timeout: Option<Duration>,
    pub(super) accept_compressed: EnabledCompressionEncodings,
    pub(super) send_compressed: EnabledCompressionEncodings,
}

impl MessageOptions {
    /// A server end that keeps to them.
    pub(super) fn apply<C: Codec>(self, codec: C) -> Grpc<C> {
        Grpc::new(codec)
            .apply_compression_config(self.accept_compressed, self.send_compressed)
            .apply_max_message_size_config(self.max_request_size, self.max_reply_size)
    }
}
