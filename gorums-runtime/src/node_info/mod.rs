//! What a node shares with its connection and its streams: addresses, observations, and error reports.
//!
//! Owns the record of a node's failures and latency, and whether it is connected. Imports `call`, `identity`, `status`,
//! `support` and `telemetry`. Does not know the node itself: streams hold this instead of a handle that would keep the
//! node.

mod connections;
mod connectivity;
mod info;
mod node_error;
mod node_errors;
mod observations;

pub(crate) use connections::{Connections, DISCONNECTED, REMOVED};
pub use connectivity::{
    Closed, Connectivity, ConnectivityEvent, ConnectivityEvents, NodeConnectivity,
};
pub(crate) use info::NodeInfo;
pub(crate) use node_error::Listed;
pub use node_error::NodeError;
pub use node_errors::NodeErrors;
pub(crate) use node_errors::Reports;
pub use observations::LastError;
pub(crate) use observations::Observations;
