//! The ids of nodes and configurations, and the addresses of nodes.
//!
//! Owns the rules by which ids follow from addresses. Imports nothing of the crate.

mod id;
mod node_address;
mod node_spec;

pub use id::{ConfigurationId, NodeId};
pub(crate) use node_address::NodeAddress;
pub use node_spec::NodeSpec;
