//! Why a configuration, or a node in it, does not exist.

use std::fmt;
use std::sync::Arc;

use tonic::Status;

use crate::identity::NodeId;
use crate::node_info::NodeError;

/// Why a configuration cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// No node was given.
    #[error("a configuration needs at least one node")]
    Empty,
    /// The manager does not have a requested node.
    #[error(transparent)]
    UnknownNode(#[from] UnknownNode),
}

/// A requested node does not exist.
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

    /// The id of the requested node.
    pub fn id(&self) -> NodeId {
        self.id
    }
}

impl fmt::Display for UnknownNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.known.is_empty() {
            return write!(f, "there is no node {}, nor any other", self.id);
        }
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
