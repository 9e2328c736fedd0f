//! How large messages may be.

use tonic::codec::Codec;
use tonic::server::Grpc;

/// How large the messages of a service may be, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// None is tonic's own limit of 4 MiB.
    pub(super) request: Option<usize>,
    /// None is no limit.
    pub(super) reply: Option<usize>,
}

impl Limits {
    /// A server end that keeps them.
    pub(super) fn apply<C: Codec>(self, codec: C) -> Grpc<C> {
        Grpc::new(codec).apply_max_message_size_config(self.request, self.reply)
    }
}
