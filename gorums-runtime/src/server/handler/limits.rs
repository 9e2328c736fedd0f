//! Limits on what one client may ask of a server.

use std::time::Duration;

use crate::wire::{MOST_ENTRIES, MOST_ENTRY_BYTES};

/// Limits on what the node streams of one client may ask of a server.
///
/// # Memory
///
/// Requests of a stream take the bytes of its [backlog](Self::backlog), plus those that its handlers work on. Those that
/// wait on all streams of a peer take [`peer_backlog_bytes`](Self::peer_backlog_bytes), plus one request for each stream.
///
/// The server buffers replies until the client reads them:
///
/// * While a stream has as many unread replies as [`replies`](Self::replies) allows, no further handler begins, and
///   handlers that stream their replies wait. Handlers that have begun, at most [`handlers`](Self::handlers), still
///   answer.
/// * The unread replies of a peer, on its streams and to its plain gRPC calls, may take
///   [`peer_reply_bytes`](Self::peer_reply_bytes). Each stream may have one more reply of up to `peer_reply_bytes`
///   divided by [`streams_per_address`](Self::streams_per_address) (1 MiB by default). A reply beyond that fails its call
///   with `ResourceExhausted`.
/// * A reply of up to 4 KiB on a node stream is never refused for its bytes; `replies` plus `handlers` bound the
///   number of those. A reply of up to 16 KiB to a plain gRPC call is not counted; the number of calls in flight per
///   connection bounds those. HTTP/2 may buffer 32 KiB more for each plain gRPC call.
/// * If a client takes nothing for the [`stall_timeout`](Self::stall_timeout), the server ends its stream and drops
///   its replies.
///
/// ```
/// use gorums_runtime::server::{Router, StreamLimits};
///
/// let limits = StreamLimits::new().handlers(64).streams_per_peer(4);
/// let router = Router::new().stream_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "limits do nothing until a router has them"]
pub struct StreamLimits {
    pub(crate) handlers: usize,
    pub(crate) backlog: usize,
    pub(crate) backlog_bytes: usize,
    pub(crate) peer_backlog_bytes: usize,
    pub(crate) replies: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) peer_reply_bytes: usize,
    pub(crate) stall_timeout: Duration,
    pub(crate) streams_per_peer: usize,
    pub(crate) streams_per_address: usize,
}

impl StreamLimits {
    /// How many metadata entries a request may have. A request with more gets `ResourceExhausted`.
    pub const METADATA_ENTRIES: usize = MOST_ENTRIES;

    /// How many bytes the metadata entries of a request may have together. Their encoding, which counts, adds a few
    /// bytes to each key and value. A request with more gets `ResourceExhausted`.
    pub const METADATA_BYTES: usize = MOST_ENTRY_BYTES;

    /// Returns the defaults: 1024 handlers; a backlog of 16,384 requests and 64 MiB; 16,384 unread replies and 64 MiB;
    /// 64 streams per client; 256 streams, and 256 MiB each of waiting requests and unread replies, per address; and a
    /// stall timeout of 30 s.
    pub fn new() -> Self {
        Self {
            handlers: 1024,
            backlog: 16_384,
            backlog_bytes: 64 * 1024 * 1024,
            peer_backlog_bytes: 256 * 1024 * 1024,
            replies: 16_384,
            reply_bytes: 64 * 1024 * 1024,
            peer_reply_bytes: 256 * 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
            streams_per_peer: 64,
            streams_per_address: 256,
        }
    }

    /// Limits the handlers of one stream that run at once: the one whose turn it is, and those that called
    /// [`release`](crate::Context::release). Beyond that the next request waits until a handler has ended. At least 1.
    pub fn handlers(mut self, handlers: usize) -> Self {
        self.handlers = handlers.max(1);
        self
    }

    /// Limits the requests of one stream that wait for their turn, by number and by bytes. Beyond that the server stops
    /// reading from the stream; until it reads again, it does not notice cancelled calls either. At least 1 each.
    pub fn backlog(mut self, requests: usize, bytes: usize) -> Self {
        self.backlog = requests.max(1);
        self.backlog_bytes = bytes.max(1);
        self
    }

    /// Limits the bytes of the requests that wait on all streams of a peer (an IP address). Beyond that the server stops
    /// reading from those of its streams on which a request waits. At least 1.
    pub fn peer_backlog_bytes(mut self, bytes: usize) -> Self {
        self.peer_backlog_bytes = bytes.max(1);
        self
    }

    /// Limits the unread replies of one stream, by number and by bytes. Beyond that, handlers that stream replies wait,
    /// and the stream's further requests and cancellations are not read. Handlers that have begun may still answer,
    /// with a reply of any size. At least 1 each.
    pub fn replies(mut self, replies: usize, bytes: usize) -> Self {
        self.replies = replies.max(1);
        self.reply_bytes = bytes.max(1);
        self
    }

    /// Limits the unread replies of a peer (an IP address) in bytes, over all its streams and plain gRPC calls. A reply
    /// beyond that fails its call with `ResourceExhausted`, unless the peer has no other unread reply. A stream whose
    /// own replies are all read goes on, whatever the peer's other streams have unread. At least 1.
    pub fn peer_reply_bytes(mut self, bytes: usize) -> Self {
        self.peer_reply_bytes = bytes.max(1);
        self
    }

    /// Limits the time in which a client takes none of the replies that wait for it. Then the server ends its stream
    /// with `ResourceExhausted` and drops the unread replies. It ends the response to a plain gRPC call likewise. The
    /// server checks four times within `timeout`, so the end may come up to a quarter later.
    ///
    /// A client takes replies while its HTTP/2 window has room, which it has while the client reads.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Limits the open streams of one client: a process with a manager of this crate, which names itself. Clients that
    /// give no name, such as those in Go, are told apart by their IP addresses. The server refuses further streams. A
    /// stream is open until its client has read its end or cancelled it. At least 1.
    pub fn streams_per_peer(mut self, streams: usize) -> Self {
        self.streams_per_peer = streams.max(1);
        self
    }

    /// Limits the open streams of all clients at one IP address, who may be many behind a proxy: a client can give itself
    /// any number of names. The server refuses further streams. At least 1.
    pub fn streams_per_address(mut self, streams: usize) -> Self {
        self.streams_per_address = streams.max(1);
        self
    }
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self::new()
    }
}
