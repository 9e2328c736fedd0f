//! What is known of a node: its addresses, what calls have shown of it, and how its errors are reported.
//!
//! A node's connection and streams have it, so that they need no handle to the node itself.

mod info;
mod node_error;
mod node_errors;
mod observations;

pub(crate) use info::NodeInfo;
pub(crate) use node_error::Listed;
pub use node_error::NodeError;
pub use node_errors::NodeErrors;
pub(crate) use node_errors::Reports;
pub use observations::LastError;
pub(crate) use observations::Observations;
