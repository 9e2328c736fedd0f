//! Why there is no such configuration, or no such node in it.

use std::fmt;
use std::sync::Arc;

use tonic::Status;

use crate::identity::NodeId;
use crate::node_info::NodeError;

/// Why there is no such configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// No node was given.
    #[error("a configuration needs at least one node")]
    Empty,
    /// A node was asked for that the manager does not have.
    #[error(transparent)]
    UnknownNode(#[from] UnknownNode),
}

/// A node was asked for that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownNode {
    id: NodeId,
    known: Vec<NodeId>,
}

impl UnknownNode {
    pub(crate) fn new(id: NodeId, known: impl IntoIterator<Item = NodeId>) -> Self {
        Self {
            id,
            known: known.into_iter().collect(),
        }
    }

    /// The node that was asked for.
    pub fn id(&self) -> NodeId {
        self.id
    }
}

impl fmt::Display for UnknownNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no node {}; the nodes are", self.id)?;
        for (at, id) in self.known.iter().enumerate() {
            write!(f, "{} {id}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownNode {}

/// The error of a call to a node that is not in the configuration.
impl From<UnknownNode> for NodeError {
    fn from(error: UnknownNode) -> Self {
        let status = Status::not_found(error.to_string());
        Self::new(error.id(), Arc::from("unknown"), status)
    }
}
