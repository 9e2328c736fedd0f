//! The headers with which a stream is opened, and answered.

/// Two peers tell each other by it that they know the extensions of the protocol.
pub(crate) const EXTENSIONS: &str = "gorums-ext";

/// A client says by it which node it is.
pub(crate) const NODE_ID: &str = "gorums-node-id";

/// A client names itself by it.
pub(crate) const CLIENT: &str = "gorums-client";

/// A client numbers the streams by it that it opens: a server knows which one is the latest.
pub(crate) const STREAM: &str = "gorums-stream";

/// A client asks by it that the server send something so often, and the server agrees. It is also the entry of a message
/// that is sent for no other purpose.
pub(crate) const KEEP_ALIVE: &str = "gorums-keep-alive";
