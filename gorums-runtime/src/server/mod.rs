//! Servers, the routers that they serve, and the limits on their clients.

// Owns binding, accepting, serving and shutting down, and how a replica becomes a gRPC service. Imports `call`,
// `status`, `support` and `wire`; its subfolders `handler` and `node_stream` handle the calls. Does not know the
// client: managers, nodes, configurations and calls in flight there.

pub(crate) mod accepting;
mod bound;
mod closable;
pub(crate) mod error;
pub(crate) mod handler;
mod node_stream;
mod recommended;
pub(crate) mod replica_server;
mod router;
#[expect(clippy::module_inception, reason = "it is what the module is about")]
pub(crate) mod server;
mod services;
mod serving;

#[doc(inline)]
pub use crate::clients::Clients;
pub use bound::{BoundServer, RunningServer};
pub use handler::StreamLimits;
pub use recommended::recommended_server;
pub use replica_server::{ReplicaServer, ServiceName};
pub use router::Router;
