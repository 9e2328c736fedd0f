//! How much one client may ask of a server.

use crate::stream::{MOST_ENTRIES, MOST_ENTRY_BYTES};

/// How much the node stream of one client may ask of a server.
///
/// ```
/// use gorums_runtime::{Router, StreamLimits};
///
/// let limits = StreamLimits::new().handlers(64).streams_per_peer(4);
/// let router = Router::new().stream_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "limits do nothing until a router has them"]
pub struct StreamLimits {
    pub(super) handlers: usize,
    pub(super) backlog: usize,
    pub(super) backlog_bytes: usize,
    pub(super) replies: usize,
    pub(super) reply_bytes: usize,
    pub(super) message_size: usize,
    pub(super) streams_per_peer: usize,
}

impl StreamLimits {
    /// How many entries of metadata a request may have. One with more is answered with `ResourceExhausted`.
    pub const METADATA_ENTRIES: usize = MOST_ENTRIES;

    /// How many bytes the entries of a request's metadata may have together, in their encoding, which adds a few bytes to
    /// those of each key and value. A request with more is answered with `ResourceExhausted`.
    pub const METADATA_BYTES: usize = MOST_ENTRY_BYTES;

    /// 1024 handlers, 16,384 requests and as many replies, each of 64 MiB together, messages of 4 MiB, and 64 streams per
    /// peer.
    pub fn new() -> Self {
        Self {
            handlers: 1024,
            backlog: 16_384,
            backlog_bytes: 64 * 1024 * 1024,
            replies: 16_384,
            reply_bytes: 64 * 1024 * 1024,
            message_size: 4 * 1024 * 1024,
            streams_per_peer: 64,
        }
    }

    /// How many handlers of one stream may run at once, from 1 on: the one whose turn it is, and those that were
    /// [released](crate::Context::release). Beyond that the next one waits until one has ended.
    pub fn handlers(mut self, handlers: usize) -> Self {
        self.handlers = handlers.max(1);
        self
    }

    /// How many requests of one stream, and how many bytes of them, may wait for their turn, from 1 on. Beyond that the
    /// client is not read from; nor is it then heard that it withdraws calls.
    pub fn backlog(mut self, requests: usize, bytes: usize) -> Self {
        self.backlog = requests.max(1);
        self.backlog_bytes = bytes.max(1);
        self
    }

    /// How many replies, and how many bytes of them, may wait until the client reads them. Beyond that the client is
    /// disconnected; a handler that streams its replies waits instead.
    pub fn replies(mut self, replies: usize, bytes: usize) -> Self {
        self.replies = replies.max(1);
        self.reply_bytes = bytes.max(1);
        self
    }

    /// How many bytes a message may have, its metadata included. A larger request is answered with `OutOfRange`.
    pub fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = bytes;
        self
    }

    /// How many streams a peer, which is an IP address, may have open, from 1 on. Further ones are refused.
    pub fn streams_per_peer(mut self, streams: usize) -> Self {
        self.streams_per_peer = streams.max(1);
        self
    }
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self::new()
    }
}
