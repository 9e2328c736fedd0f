//! Who is meant: the ids of nodes and configurations, and nodes' addresses.
//!
//! Imports nothing of the crate.

mod id;
mod node_address;
mod node_spec;

pub use id::{ConfigurationId, NodeId};
pub(crate) use node_address::NodeAddress;
pub use node_spec::NodeSpec;
