//! How a stream is opened: its method, and the headers of its request and response.

/// The service that streams are calls of.
pub(crate) const SERVICE: &str = "stream.Gorums";

/// The path of the method that a stream is a call of.
pub(crate) const PATH: &str = "/stream.Gorums/NodeStream";

/// How many bytes of a message or burst may come in one frame of HTTP/2, at most. Servers and clients tell each other.
/// Each frame is written by itself: with HTTP/2's default, 16 KiB, a sixth fewer calls of 1 KiB are made per second
/// (64 in flight).
pub(crate) const MAX_FRAME: u32 = 128 * 1024;

/// Two peers tell each other by it that they know the extensions of the protocol.
pub(crate) const EXTENSIONS: &str = "gorums-ext";

/// A client names itself by it.
pub(crate) const CLIENT: &str = "gorums-client";

/// A client numbers the streams by it that it opens: a server knows which one is the latest.
pub(crate) const STREAM: &str = "gorums-stream";

/// A client asks by it that the server send something so often, and the server agrees. It is also the entry of a message
/// that is sent for no other purpose.
pub(crate) const KEEP_ALIVE: &str = "gorums-keep-alive";
