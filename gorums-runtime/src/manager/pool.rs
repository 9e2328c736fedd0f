//! The nodes that a manager has at a time.

use std::sync::{Arc, PoisonError, RwLock};

use super::addresses::check_distinct;
use super::dialer::{Destination, Dialer, Moved};
use super::error::ManagerError;
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::REMOVED;

/// The nodes that a manager has at a time: no two with one id or one address. Clones are the same pool.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<RwLock<Configuration>>);

/// What has changed about the nodes.
#[derive(Debug)]
pub(crate) struct NodeChanges {
    pub(crate) removed: Vec<NodeId>,
    /// Those that were added or moved.
    pub(crate) changed: Vec<Node>,
}

/// A node of the next set.
enum Planned {
    Kept(Node),
    Moved(Node, Moved),
    Added(Destination),
}

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
        let all = nodes.nodes().cloned().chain([node]).collect();
        *nodes = Configuration::of_manager(all, nodes.tasks().clone());
        Ok(())
    }

    /// Moves a node to another address, which no other node may have.
    pub(super) fn set_address(&self, node: &Node, moved: Moved) -> Result<(), ManagerError> {
        let nodes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut others = nodes.nodes().filter(|other| other.id() != node.id());
        if let Some(other) = others.find(|other| other.is_at(&moved.address)) {
            return Err(ManagerError::DuplicateAddress {
                first: other.spec(),
                second: moved.address.spec(),
            });
        }
        moved.apply(node);
        Ok(())
    }

    /// Makes the destinations the nodes, in this order.
    pub(super) fn change_to(
        &self,
        destinations: Vec<Destination>,
        dialer: &Dialer,
    ) -> Result<NodeChanges, ManagerError> {
        check_distinct(destinations.iter().map(|it| &it.address))?;
        let mut nodes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // What may fail comes first, so that nothing has changed then.
        let planned = destinations.into_iter().map(|destination| {
            Ok(match nodes.node(destination.address.id) {
                Ok(node) if node.is_at(&destination.address) => Planned::Kept(node),
                Ok(node) => {
                    let moved = dialer.destination_of(&node, &destination.address.name)?;
                    Planned::Moved(node, moved)
                }
                Err(_) => Planned::Added(destination),
            })
        });
        let planned: Vec<_> = planned.collect::<Result<_, ManagerError>>()?;
        let mut changed = Vec::new();
        let all = planned.into_iter().map(|planned| match planned {
            Planned::Kept(node) => node,
            Planned::Moved(node, moved) => {
                moved.apply(&node);
                changed.push(node.clone());
                node
            }
            Planned::Added(destination) => {
                let node = dialer.connect_lazy(destination);
                node.join();
                changed.push(node.clone());
                node
            }
        });
        let all = Configuration::of_manager(all.collect(), nodes.tasks().clone());
        let before = std::mem::replace(&mut *nodes, all);
        let removed = before.nodes().filter(|node| !nodes.contains(node.id()));
        let removed = removed.inspect(|node| node.remove(REMOVED)).map(Node::id);
        Ok(NodeChanges {
            removed: removed.collect(),
            changed,
        })
    }

    /// Takes a node out and closes its connection.
    pub(super) fn remove(&self, id: NodeId) -> Result<(), ManagerError> {
        let mut nodes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let node = nodes.node(id)?;
        let rest = nodes.nodes().filter(|other| other.id() != id);
        *nodes = Configuration::of_manager(rest.cloned().collect(), nodes.tasks().clone());
        node.remove(REMOVED);
        Ok(())
    }
}
