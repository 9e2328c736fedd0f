//! How much one client may ask of a server.

use std::time::Duration;

use crate::wire::{MOST_ENTRIES, MOST_ENTRY_BYTES};

/// How much the node streams of one client may ask of a server.
///
/// # Memory
///
/// The requests of a stream take up the bytes of its [backlog](Self::backlog), and those that its handlers work on.
///
/// Replies that the client has not read are kept. While a stream has as many as [`replies`](Self::replies) says, no
/// further handler begins, and handlers that stream their replies wait; those that have begun (at most
/// [`handlers`](Self::handlers)) still answer. All replies that a peer has not read, on its streams and to its plain gRPC
/// calls, have at most [`peer_reply_bytes`](Self::peer_reply_bytes), and one for each stream of
/// that divided by [`streams_per_peer`](Self::streams_per_peer) (4 MiB by default): a larger reply beyond that fails its
/// call with `ResourceExhausted`. Replies of up to 4 KiB are bounded by their number only, which is that of `replies` and
/// `handlers` together, and those of up to 16 KiB to plain gRPC calls by the number of calls that a connection may have
/// under way, for each of which HTTP/2 may keep 32 KiB more. A client that has taken nothing for the [`stall_timeout`](Self::stall_timeout) loses its stream,
/// and what was kept for it is dropped.
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
    pub(crate) replies: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) peer_reply_bytes: usize,
    pub(crate) stall_timeout: Duration,
    pub(crate) message_size: usize,
    pub(crate) streams_per_peer: usize,
}

impl StreamLimits {
    /// How many entries of metadata a request may have. One with more is answered with `ResourceExhausted`.
    pub const METADATA_ENTRIES: usize = MOST_ENTRIES;

    /// How many bytes the entries of a request's metadata may have together, in their encoding, which adds a few bytes to
    /// those of each key and value. A request with more is answered with `ResourceExhausted`.
    pub const METADATA_BYTES: usize = MOST_ENTRY_BYTES;

    /// 1024 handlers, 16,384 requests and as many replies, each of 64 MiB together, messages of 4 MiB, 64 streams and
    /// 256 MiB of replies per peer, and 30 s without progress.
    pub fn new() -> Self {
        Self {
            handlers: 1024,
            backlog: 16_384,
            backlog_bytes: 64 * 1024 * 1024,
            replies: 16_384,
            reply_bytes: 64 * 1024 * 1024,
            peer_reply_bytes: 256 * 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
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

    /// How many replies of one stream, and how many bytes of them, may wait until the client reads them, from 1 on. Beyond
    /// that its further requests wait, its withdrawals are not heard, and a handler that streams its replies waits. A reply of a handler that has begun
    /// is kept, whatever its size.
    pub fn replies(mut self, replies: usize, bytes: usize) -> Self {
        self.replies = replies.max(1);
        self.reply_bytes = bytes.max(1);
        self
    }

    /// How many bytes of replies a peer, which is an IP address, may leave unread, on all its streams and plain gRPC calls
    /// together. A reply beyond that fails its call with `ResourceExhausted`, unless nothing else waits. The requests of
    /// a stream that has read all its replies are not held up by what other streams have not read.
    pub fn peer_reply_bytes(mut self, bytes: usize) -> Self {
        self.peer_reply_bytes = bytes.max(1);
        self
    }

    /// For how long a client may take nothing of the replies that wait for it. Then its stream is ended with
    /// `ResourceExhausted`, and what it has not read is dropped; so is the reply to a plain gRPC call. The server looks
    /// four times in that time, so that it may take up to a quarter longer.
    ///
    /// A client takes replies for as long as its HTTP/2 window has room, which is for as long as it reads them.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// How many bytes a message may have, its metadata included. A larger request is answered with `OutOfRange`.
    pub fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = bytes;
        self
    }

    /// How many streams a peer, which is an IP address, may have open, from 1 on. Further ones are refused. A stream is
    /// open until its client has read its end, or has cancelled it.
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
