//! The ids of nodes and configurations, the addresses of nodes, and how members of a system introduce themselves.
//!
//! Owns the rules by which ids follow from addresses, and the headers of introductions. Imports nothing of the crate.
//! Does not know connections, nor which end it serves.

mod address;
mod answerer;
mod id;
mod introduction;
mod node_address;
mod node_spec;

pub(crate) use address::Address;
pub(crate) use answerer::Answerer;
pub use id::{ConfigurationId, NodeId};
pub(crate) use introduction::{DYNAMIC, Introduction, accept_calls, claimed_id, introduce_like};
pub(crate) use node_address::NodeAddress;
pub use node_spec::NodeSpec;
