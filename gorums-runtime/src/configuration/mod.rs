//! Sets of nodes that calls go to.
//!
//! Owns the algebra of configurations, and the watch that derives one from another. Imports `call`, `identity`, `node`,
//! `node_info` and `support`. Does not know which calls are made on a configuration.

mod error;
mod membership;
mod watch;

pub use error::{ConfigurationError, UnknownNode};
pub use membership::Membership;
pub use watch::ConfigurationWatch;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use gorums_quorum::Quorums;

use crate::call::Transport;
use crate::identity::{ConfigurationId, NodeId};
use crate::node::Node;
use crate::node_info::{NodeError, NodeErrors, Reports};
use crate::support::Tasks;

/// A set of nodes that quorum calls go to.
///
/// It has at least one node, unless it is that of a manager, or of a server's clients, which has none. Calls on no nodes end
/// at once: quorum calls as [`Incomplete`](crate::errors::QuorumCallErrorKind::Incomplete).
///
/// A cheap immutable value: clones share the nodes, and any number of configurations share a manager's connections. Two
/// configurations with the same nodes are equal, whatever their order.
#[derive(Clone)]
pub struct Configuration(Arc<NodeSet>);

struct NodeSet {
    id: ConfigurationId,
    nodes: Box<[Node]>,
    tasks: Tasks,
}

impl Configuration {
    /// The configuration of `nodes`, whose manager runs `tasks`. Repeated nodes are left out.
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
        Ok(Self(Arc::new(NodeSet {
            id: ConfigurationId::of(distinct.iter().map(Node::id)),
            nodes: distinct.into(),
            tasks,
        })))
    }

    /// The configuration of `nodes`, which may be none. They are different ones.
    pub(crate) fn of_manager(nodes: Vec<Node>, tasks: Tasks) -> Self {
        Self(Arc::new(NodeSet {
            id: ConfigurationId::of(nodes.iter().map(Node::id)),
            nodes: nodes.into(),
            tasks,
        }))
    }

    /// The configuration's identity.
    pub fn id(&self) -> ConfigurationId {
        self.0.id
    }

    /// How many nodes there are.
    pub fn size(&self) -> usize {
        self.0.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.0.nodes.is_empty()
    }

    /// The nodes, in the order in which they were given.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.0.nodes.iter()
    }

    /// The nodes' ids, in the same order.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        self.nodes().map(Node::id)
    }

    /// The quorums that are more than half of the nodes. Any two of them have a node in common.
    ///
    /// Other systems are built of the [node ids](Self::node_ids) in the same way; see [`quorum`](crate::quorum).
    pub fn majority(&self) -> Quorums<NodeId> {
        Quorums::majority(self.node_ids())
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

    /// The errors of this configuration's nodes from now on; see [`NodeErrors`].
    pub fn node_errors(&self) -> NodeErrors {
        self.reported().of(self.node_ids())
    }

    /// The nodes of this configuration, and then those of `other`.
    pub fn union(&self, other: &Self) -> Self {
        self.with(other.nodes().cloned())
    }

    /// The nodes that are also in `other`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Empty`] when there is none.
    pub fn intersection(&self, other: &Self) -> Result<Self, ConfigurationError> {
        self.filtered(|node| other.contains(node.id()))
    }

    /// The nodes that are not in `other`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Empty`] when there is none.
    pub fn difference(&self, other: &Self) -> Result<Self, ConfigurationError> {
        self.filtered(|node| !other.contains(node.id()))
    }

    /// The nodes of this configuration, and then these of the same manager.
    pub fn with(&self, nodes: impl IntoIterator<Item = Node>) -> Self {
        let nodes = self.nodes().cloned().chain(nodes);
        Self::new(nodes, self.0.tasks.clone()).unwrap_or_else(|_| self.clone())
    }

    /// All nodes except these. Ids that are not in the configuration are ignored.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Empty`] when none is left.
    pub fn without(
        &self,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, ConfigurationError> {
        let ids: HashSet<NodeId> = ids.into_iter().collect();
        self.filtered(|node| !ids.contains(&node.id()))
    }

    /// All nodes except those that a call failed on: `configuration.without_failed(&error)`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Empty`] when none is left.
    pub fn without_failed(
        &self,
        error: impl AsRef<[NodeError]>,
    ) -> Result<Self, ConfigurationError> {
        self.without(error.as_ref().iter().map(NodeError::node_id))
    }

    /// The first `n` nodes, or all if there are fewer.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Empty`] when `n` is 0.
    pub fn first(&self, n: usize) -> Result<Self, ConfigurationError> {
        Self::new(self.nodes().take(n).cloned(), self.0.tasks.clone())
    }

    /// The nodes in the order of their ids.
    pub fn sorted_by_id(&self) -> Self {
        self.sorted_by(|a, b| a.id().cmp(&b.id()))
    }

    /// The nodes from the fastest to the slowest by [`Node::latency`], followed by those without a measurement.
    pub fn sorted_by_latency(&self) -> Self {
        let latency = |node: &Node| node.latency().unwrap_or(Duration::MAX);
        self.sorted_by(|a, b| latency(a).cmp(&latency(b)))
    }

    /// The nodes that never failed, followed by the others in the order of their [`Node::last_error`], the most recent
    /// one last.
    pub fn sorted_by_error(&self) -> Self {
        let failed_at = |node: &Node| node.last_error().map(|error| error.at);
        self.sorted_by(|a, b| failed_at(a).cmp(&failed_at(b)))
    }

    /// The nodes in an order of your own. The sort is stable.
    pub fn sorted_by(&self, order: impl FnMut(&Node, &Node) -> Ordering) -> Self {
        let mut nodes: Vec<Node> = self.nodes().cloned().collect();
        nodes.sort_by(order);
        Self(Arc::new(NodeSet {
            id: self.0.id,
            nodes: nodes.into(),
            tasks: self.0.tasks.clone(),
        }))
    }

    /// Derives a configuration from this one with `derive`, at once and then every `interval`. The stream yields the
    /// result whenever its nodes or their order have changed. An error of `derive` is yielded in the same way.
    ///
    /// ```no_run
    /// # async fn example(manager: gorums_runtime::Manager) {
    /// use std::time::Duration;
    /// use futures::StreamExt;
    ///
    /// let all = manager.configuration();
    /// let mut fastest = all.watch(Duration::from_secs(1), |all| all.sorted_by_latency().first(3));
    /// while let Some(Ok(three)) = fastest.next().await {
    ///     println!("the fastest are {three:?}");
    /// }
    /// # }
    /// ```
    ///
    /// To follow nodes that are added and removed, let the function use
    /// [`Manager::configuration`](crate::Manager::configuration) instead of its argument.
    ///
    /// # Panics
    ///
    /// When `interval` is zero, and outside of a tokio runtime.
    pub fn watch<F>(&self, interval: Duration, derive: F) -> ConfigurationWatch<F>
    where
        F: FnMut(&Self) -> Result<Self, ConfigurationError>,
    {
        ConfigurationWatch::new(self.clone(), interval, derive)
    }

    fn filtered(&self, keep: impl Fn(&Node) -> bool) -> Result<Self, ConfigurationError> {
        let nodes = self.nodes().filter(|node| keep(node)).cloned();
        Self::new(nodes, self.0.tasks.clone())
    }

    /// The errors of all nodes of the manager from now on.
    pub(crate) fn reported(&self) -> NodeErrors {
        match self.any_node() {
            // The nodes of one manager report to one place.
            Some(node) => node.reports().listen(&self.0.tasks),
            None => Reports::new().listen(&self.0.tasks),
        }
    }

    /// The configuration of one node.
    pub(crate) fn of_one(node: &Node) -> Self {
        Self(Arc::new(NodeSet {
            id: ConfigurationId::of([node.id()]),
            nodes: Box::new([node.clone()]),
            tasks: node.tasks().clone(),
        }))
    }

    /// How calls travel to the nodes, which are those of one manager.
    pub(crate) fn transport(&self) -> Transport {
        self.any_node()
            .map_or_else(Transport::default, Node::transport)
    }

    /// Any of the nodes, for what they have in common.
    pub(crate) fn any_node(&self) -> Option<&Node> {
        self.0.nodes.first()
    }

    /// The node at `index`, in their order.
    pub(crate) fn at(&self, index: usize) -> Option<Node> {
        self.0.nodes.get(index).cloned()
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
