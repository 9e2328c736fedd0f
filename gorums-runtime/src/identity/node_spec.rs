//! A node as the user names it.

use std::fmt;

use super::id::NodeId;

/// A node as it was given to a manager.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSpec {
    /// The node's id.
    pub id: NodeId,
    /// The node's address.
    pub address: String,
}

impl fmt::Display for NodeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.id, self.address)
    }
}
