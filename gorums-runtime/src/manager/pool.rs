//! The nodes that a manager has at a time.

use std::sync::{Arc, PoisonError, RwLock};

use super::error::ManagerError;
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::REMOVED;

/// The nodes that a manager has at a time: at least one, and no two with one id or one address. Clones are the same
/// pool.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<RwLock<Configuration>>);

impl Pool {
    pub(super) fn new(nodes: Configuration) -> Self {
        nodes.nodes().for_each(Node::join);
        Self(Arc::new(RwLock::new(nodes)))
    }

    /// The nodes, in the order in which they were added.
    pub(super) fn current(&self) -> Configuration {
        let nodes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        nodes.clone()
    }

    /// Adds a node. If several with the same id or address are added concurrently, one of them succeeds.
    pub(super) fn add(&self, node: Node) -> Result<(), ManagerError> {
        let mut nodes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let duplicate = nodes
            .nodes()
            .find(|other| other.id() == node.id() || other.is_at_the_address_of(&node));
        if let Some(other) = duplicate {
            let (first, second) = (other.spec(), node.spec());
            return Err(if other.is_at_the_address_of(&node) {
                ManagerError::DuplicateAddress { first, second }
            } else {
                ManagerError::DuplicateId { first, second }
            });
        }
        node.join();
        *nodes = nodes.with([node]);
        Ok(())
    }

    /// Takes a node out and closes its connection.
    pub(super) fn remove(&self, id: NodeId) -> Result<(), ManagerError> {
        let mut nodes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let node = nodes.node(id)?;
        *nodes = nodes
            .without([id])
            .map_err(|_| ManagerError::LastNode { node: node.spec() })?;
        node.remove(REMOVED);
        Ok(())
    }
}
