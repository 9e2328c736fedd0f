//! The server side: replicas, and what serves them.

mod accepting;
mod attended;
mod bound;
mod closable;
mod codec;
mod context;
mod error;
mod handlers;
mod message_options;
mod pacing;
mod peer;
mod progress;
mod recommended;
mod replica_server;
mod reply_sink;
mod router;
#[expect(clippy::module_inception, reason = "it is what the module is about")]
mod server;
mod serving;
mod standard;
mod stream;

pub use bound::{BoundServer, RunningServer};
pub use context::Context;
pub use error::ServerError;
pub use handlers::Handlers;
pub use recommended::recommended_server;
pub use replica_server::{ReplicaServer, Serve, ServiceName};
pub use reply_sink::ReplySink;
pub use router::Router;
pub use server::Server;
pub use stream::StreamLimits;
