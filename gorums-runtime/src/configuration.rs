//! Sets of nodes that calls go to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::tasks::Tasks;
use crate::{ConfigurationId, Node, NodeId};

/// A set of nodes that quorum calls go to.
///
/// A cheap immutable value: clones share the nodes, and any number of configurations share a manager's
/// connections. Two configurations with the same nodes are equal, in whatever order they hold them.
#[derive(Clone)]
pub struct Configuration(Arc<Inner>);

struct Inner {
    id: ConfigurationId,
    nodes: Box<[Node]>,
    tasks: Tasks,
}

impl Configuration {
    /// The configuration of `nodes`, whose manager runs `tasks`; a node that occurs again is left out.
    pub(crate) fn new(
        nodes: impl IntoIterator<Item = Node>,
        tasks: Tasks,
    ) -> Result<Self, ConfigurationError> {
        let mut distinct: Vec<Node> = Vec::new();
        for node in nodes {
            if distinct.iter().all(|other| other.id() != node.id()) {
                distinct.push(node);
            }
        }
        if distinct.is_empty() {
            return Err(ConfigurationError::Empty);
        }
        Ok(Self(Arc::new(Inner {
            id: ConfigurationId::of(distinct.iter().map(Node::id)),
            nodes: distinct.into(),
            tasks,
        })))
    }

    /// The configuration's identity.
    pub fn id(&self) -> ConfigurationId {
        self.0.id
    }

    /// How many nodes there are: at least one.
    pub fn size(&self) -> usize {
        self.0.nodes.len()
    }

    /// The nodes, in the order in which they were given.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.0.nodes.iter()
    }

    /// The nodes' ids, in the same order.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        self.nodes().map(Node::id)
    }

    /// Whether the node is one of this configuration.
    pub fn contains(&self, id: NodeId) -> bool {
        self.node_ids().any(|node| node == id)
    }

    /// The node with this id.
    ///
    /// # Errors
    ///
    /// [`UnknownNode`] when the configuration does not have it.
    pub fn node(&self, id: NodeId) -> Result<Node, UnknownNode> {
        self.nodes()
            .find(|node| node.id() == id)
            .cloned()
            .ok_or_else(|| UnknownNode::new(id, self.node_ids()))
    }

    /// The background work of the nodes' manager.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Configuration {}

impl Hash for Configuration {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("id", &self.id())
            .field("nodes", &self.0.nodes)
            .finish()
    }
}

/// The id: `configuration 3007678522`.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {}", self.id())
    }
}

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
