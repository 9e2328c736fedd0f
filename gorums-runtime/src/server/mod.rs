//! Servers, the routers that they serve, and the limits on their clients.

// Owns binding, accepting, serving and shutting down, and how a replica becomes a gRPC service. Imports `call`,
// `status`, `support` and `wire`; its subfolders `handler` and `node_stream` handle the calls. Does not know the
// client: managers, nodes, configurations and calls in flight there.

pub(crate) mod accepting;
mod bound;
mod closable;
pub(crate) mod error;
pub(crate) mod handler;
#[cfg(feature = "health")]
mod health;
mod node_stream;
mod recommended;
pub(crate) mod replica_server;
mod router;
#[expect(clippy::module_inception, reason = "it is what the module is about")]
pub(crate) mod server;
mod services;
mod serving;
mod stream_shutdown;

#[doc(inline)]
pub use crate::clients::Clients;
pub use bound::{BoundServer, RunningServer};
pub use handler::StreamLimits;
#[cfg(feature = "health")]
pub use health::Health;
pub use recommended::recommended_server;
pub use replica_server::{ReplicaServer, ServiceName};
pub use router::Router;
pub use stream_shutdown::StreamShutdown;
