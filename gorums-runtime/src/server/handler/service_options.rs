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
}

impl ServiceOptions {
    /// Returns the server's end of a call with these options. The codec limits the size of replies.
    pub(super) fn apply<C: Codec>(self, codec: C, requests: MessageSize) -> Grpc<C> {
        Grpc::new(codec)
            .apply_compression_config(self.accept_compressed, self.send_compressed)
            .apply_max_message_size_config(Some(requests.most()), None)
    }
}
