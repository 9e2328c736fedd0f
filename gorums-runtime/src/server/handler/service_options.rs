//! How a service receives and sends messages.

use std::time::Duration;

use tonic::codec::{Codec, EnabledCompressionEncodings};
use tonic::server::Grpc;

use crate::call::MessageSize;

/// Options of a service's messages and handlers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceOptions {
    /// How long a handler may take. `None`: no limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) accept_compressed: EnabledCompressionEncodings,
    pub(crate) send_compressed: EnabledCompressionEncodings,
    /// The size that requests and replies may have.
    pub(crate) max_message_size: MessageSize,
}

impl ServiceOptions {
    /// Returns the server's end of a call with these options. It limits the size of requests only: a reply that is too
    /// large fails before it is encoded.
    pub(super) fn apply<C: Codec>(self, codec: C) -> Grpc<C> {
        Grpc::new(codec)
            .apply_compression_config(self.accept_compressed, self.send_compressed)
            .apply_max_message_size_config(Some(self.max_message_size.most()), None)
    }
}
