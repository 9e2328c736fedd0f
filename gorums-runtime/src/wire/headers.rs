//! How a stream is opened: its method, and the headers of its request and response.

/// The service that streams are calls of.
pub(crate) const SERVICE: &str = "stream.Gorums";

/// The path of the method that a stream is a call of.
pub(crate) const PATH: &str = "/stream.Gorums/NodeStream";

/// The most bytes in one frame of HTTP/2, which servers and clients announce to each other. Each frame is written by
/// itself. With HTTP/2's default of 16 KiB, `bench/` makes a sixth fewer calls of 1 KiB per second (64 in flight).
pub(crate) const MAX_FRAME: u32 = 128 * 1024;

/// The header by which a peer announces that it supports the extensions of the protocol.
pub(crate) const EXTENSIONS: &str = "gorums-ext";

/// The header that carries the client's name.
pub(crate) const CLIENT: &str = "gorums-client";

/// The header that carries the number of the client's stream, by which a server knows which one is the latest.
pub(crate) const STREAM: &str = "gorums-stream";

/// The header by which a client asks the server to send something at an interval, and the server agrees. Also the entry
/// of the messages that are sent for that purpose only.
pub(crate) const KEEP_ALIVE: &str = "gorums-keep-alive";

/// The entry of a message that tells a client which of its calls keeps the others waiting: the call's number, a space, and
/// its service and method.
pub(crate) const HELD_TURN: &str = "gorums-held-turn";
