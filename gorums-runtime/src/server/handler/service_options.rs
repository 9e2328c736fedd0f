//! How a service receives and sends messages.

use std::time::Duration;

use tonic::codec::{Codec, EnabledCompressionEncodings};
use tonic::server::Grpc;

/// Options of a service's messages and handlers. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceOptions {
    /// `None`: tonic's limit of 4 MiB.
    pub(crate) max_request_size: Option<usize>,
    /// `None`: no limit.
    pub(crate) max_reply_size: Option<usize>,
    /// How long a handler may take. `None`: no limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) accept_compressed: EnabledCompressionEncodings,
    pub(crate) send_compressed: EnabledCompressionEncodings,
}

impl ServiceOptions {
    /// Returns the server's end of a call with these options.
    pub(super) fn apply<C: Codec>(self, codec: C) -> Grpc<C> {
        Grpc::new(codec)
            .apply_compression_config(self.accept_compressed, self.send_compressed)
            .apply_max_message_size_config(self.max_request_size, self.max_reply_size)
    }
}
