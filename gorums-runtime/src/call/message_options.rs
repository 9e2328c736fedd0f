//! How messages are sent and received.

use std::time::Duration;

use http::HeaderMap;
use tonic::codec::CompressionEncoding;

use super::client_interceptor::ClientInterceptors;
use super::message_size::{MessageSize, Side};
use super::reply_limit::ReplyLimit;
use crate::metrics::ClientMeter;

/// What the messages to and from the nodes of one manager have in common.
#[derive(Clone, Debug)]
pub(crate) struct MessageOptions {
    /// The metadata of every call.
    pub(crate) metadata: HeaderMap,
    pub(crate) max_message_size: MessageSize,
    /// The limit on the replies of one node that a call holds.
    pub(crate) reply_limit: ReplyLimit,
    /// The interval at which nodes are asked to send something on their streams, if any.
    pub(crate) stream_keep_alive: Option<Duration>,
    pub(crate) send_compressed: Option<CompressionEncoding>,
    pub(crate) accept_compressed: Vec<CompressionEncoding>,
    /// What is around every call.
    pub(crate) interceptors: ClientInterceptors,
    /// What measures every call.
    pub(crate) meter: ClientMeter,
}

impl MessageOptions {
    pub(crate) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(5);

    /// No metadata, and nothing compressed.
    pub(crate) fn new(max_message_size: usize) -> Self {
        Self {
            metadata: HeaderMap::new(),
            max_message_size: MessageSize::new(max_message_size, Side::Client),
            reply_limit: ReplyLimit::default(),
            stream_keep_alive: Some(Self::STREAM_KEEP_ALIVE),
            send_compressed: None,
            accept_compressed: Vec::new(),
            interceptors: ClientInterceptors::default(),
            meter: ClientMeter::default(),
        }
    }
}
