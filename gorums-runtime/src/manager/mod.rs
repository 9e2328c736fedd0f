//! The pool of nodes.

mod builder;
mod dialer;
mod error;
mod options;

use std::sync::Arc;

pub use builder::ManagerBuilder;
pub use error::{ManagerError, NodeSpec};

use crate::configuration::{ConfigurationError, UnknownNode};
use crate::tasks::Tasks;
use crate::{Configuration, Node, NodeErrors, NodeId};

/// A pool of nodes and their connections, from which configurations are made.
///
/// A cheap handle: clones are the same pool. Configurations keep their nodes connected, so a manager may be
/// dropped before them.
///
/// ```no_run
/// # async fn example() -> Result<(), gorums_runtime::ManagerError> {
/// use gorums_runtime::Manager;
///
/// let manager = Manager::connect(["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"]).await?;
/// assert_eq!(manager.configuration().id().get(), 3007678522);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Manager {
    nodes: Arc<[Node]>,
    all: Configuration,
    tasks: Tasks,
}

impl Manager {
    /// Connects to the nodes at `addresses` (`host:port`). Their ids are derived from their addresses.
    ///
    /// The same as [`Manager::builder`], [`addresses`](ManagerBuilder::addresses) and
    /// [`connect`](ManagerBuilder::connect).
    ///
    /// # Errors
    ///
    /// When an address is not valid or given twice, or when a node cannot be connected to within
    /// [`ManagerBuilder::DEFAULT_CONNECT_TIMEOUT`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect<A: Into<String>>(
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, ManagerError> {
        Self::builder().addresses(addresses).connect().await
    }

    /// A manager to be set up in detail.
    pub fn builder() -> ManagerBuilder {
        ManagerBuilder::new()
    }

    fn new(nodes: Vec<Node>, tasks: Tasks) -> Result<Self, ManagerError> {
        let all = Configuration::new(nodes.iter().cloned(), tasks.clone())
            .map_err(|_| ManagerError::NoNodes)?;
        Ok(Self {
            nodes: nodes.into(),
            all,
            tasks,
        })
    }

    /// The configuration of all nodes.
    pub fn configuration(&self) -> Configuration {
        self.all.clone()
    }

    /// The configuration of the nodes with these ids. An id that occurs again counts once.
    ///
    /// # Errors
    ///
    /// When `ids` is empty, or names a node that the manager does not have.
    pub fn configuration_of(
        &self,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Result<Configuration, ConfigurationError> {
        let nodes = ids
            .into_iter()
            .map(|id| self.node(id))
            .collect::<Result<Vec<_>, _>>()?;
        Configuration::new(nodes, self.tasks.clone())
    }

    /// The node with this id.
    ///
    /// # Errors
    ///
    /// [`UnknownNode`] when the manager does not have it.
    pub fn node(&self, id: NodeId) -> Result<Node, UnknownNode> {
        self.all.node(id)
    }

    /// The nodes, in the order in which they were given.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.nodes.iter()
    }

    /// The errors of all nodes from now on; see [`NodeErrors`].
    pub fn node_errors(&self) -> NodeErrors {
        self.all.reported()
    }

    /// Closes the connections to all nodes. Calls that are under way, and later ones, fail; closing again does
    /// nothing.
    pub fn close(&self) {
        self.tasks.close();
    }
}
