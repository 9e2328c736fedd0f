//! How messages are sent and received.

use std::time::Duration;

use http::HeaderMap;
use tonic::Status;
use tonic::codec::CompressionEncoding;

use super::client_interceptor::ClientInterceptors;
use super::reply_limit::ReplyLimit;

/// What the messages to and from the nodes of one manager have in common.
#[derive(Clone, Debug)]
pub(crate) struct MessageOptions {
    /// The metadata of every call.
    pub(crate) metadata: HeaderMap,
    /// In bytes, before compression.
    pub(crate) max_request_size: usize,
    /// In bytes, after decompression.
    pub(crate) max_reply_size: usize,
    /// The limit on the replies of one node that a call holds.
    pub(crate) reply_limit: ReplyLimit,
    /// The interval at which nodes are asked to send something on their streams, if any.
    pub(crate) stream_keep_alive: Option<Duration>,
    pub(crate) send_compressed: Option<CompressionEncoding>,
    pub(crate) accept_compressed: Vec<CompressionEncoding>,
    /// What is around every call.
    pub(crate) interceptors: ClientInterceptors,
}

impl MessageOptions {
    pub(crate) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(5);

    /// No metadata, no limit to requests, and nothing compressed.
    pub(crate) fn new(max_reply_size: usize) -> Self {
        Self {
            metadata: HeaderMap::new(),
            max_request_size: usize::MAX,
            max_reply_size,
            reply_limit: ReplyLimit::default(),
            stream_keep_alive: Some(Self::STREAM_KEEP_ALIVE),
            send_compressed: None,
            accept_compressed: Vec::new(),
            interceptors: ClientInterceptors::default(),
        }
    }

    /// An error if a request of this size may not be sent.
    pub(crate) fn check_request_size(&self, bytes: usize) -> Result<(), Status> {
        let limit = self.max_request_size.min(u32::MAX as usize);
        if bytes > limit {
            return Err(Status::resource_exhausted(format!(
                "the request has {bytes} bytes, and the limit is {limit}"
            )));
        }
        Ok(())
    }
}
