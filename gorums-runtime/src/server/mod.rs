//! The server side: replicas, and what serves them.

mod accepting;
mod attended;
mod bound;
mod closable;
mod codec;
pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod handlers;
mod message_options;
mod pacing;
mod peer;
mod progress;
mod recommended;
pub(crate) mod replica_server;
pub(crate) mod reply_sink;
mod router;
#[expect(clippy::module_inception, reason = "it is what the module is about")]
pub(crate) mod server;
mod serving;
mod standard;
mod stream;

pub use bound::{BoundServer, RunningServer};
pub use recommended::recommended_server;
pub use replica_server::{ReplicaServer, ServiceName};
pub use router::Router;
pub use stream::StreamLimits;
