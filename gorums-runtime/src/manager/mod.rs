//! The pool of nodes, and the options with which they are connected.
//!
//! Owns resolving, dialling, and which nodes there are at a time. Imports `configuration`, `connection`, `node` and
//! what is below them. Does not know which calls are made.

mod addresses;
mod builder;
mod dialer;
mod error;
mod options;
mod pool;

pub use builder::ManagerBuilder;
pub use error::ManagerError;

use addresses::{check_distinct, node_address};
use dialer::{Destination, Dialer};
use pool::{NodeChanges, Pool};

use crate::configuration::{Configuration, ConfigurationError, Membership, UnknownNode};
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::{Connectivity, NodeErrors};

/// A pool of nodes and their connections, from which configurations are made.
///
/// A cheap handle: clones are the same pool. Configurations keep their nodes connected, so a manager may be
/// dropped before them. Nodes can be added and removed while calls are in flight.
///
/// Managers, configurations, nodes and calls are handles to a node. When the last one is dropped, calls still in flight
/// there have two seconds to end; then the connection is closed, whether the node answers or not. If the tokio runtime
/// ends on which the manager was created, the manager is closed, and calls that are awaited on other runtimes fail.
///
/// ```no_run
/// # async fn example() -> Result<(), gorums_runtime::errors::ManagerError> {
/// use gorums_runtime::Manager;
///
/// let manager = Manager::connect(["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"]).await?;
/// assert_eq!(manager.configuration().id().get(), 3007678522);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Manager {
    pool: Pool,
    dialer: Dialer,
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

    /// Returns a builder, which has all options.
    pub fn builder() -> ManagerBuilder {
        ManagerBuilder::new()
    }

    fn new(nodes: Vec<Node>, dialer: Dialer) -> Result<Self, ManagerError> {
        let nodes = Configuration::of_manager(nodes, dialer.tasks().clone());
        Ok(Self {
            pool: Pool::new(nodes),
            dialer,
        })
    }

    /// Adds a node at `address` (`host:port`) whose id is derived from the address that it resolves to, as
    /// [`ManagerBuilder::address`] does; see [`add_node`](Self::add_node).
    ///
    /// # Errors
    ///
    /// As those of [`add_node`](Self::add_node).
    pub async fn add_address(&self, address: &str) -> Result<Node, ManagerError> {
        let id = self.dialer.id_of(address).await?;
        self.add_node(id, address)
    }

    /// Adds a node at `address` (`host:port`) with an id of your choice, above 0. It is connected to when it is first
    /// called, with the settings that the manager was made with.
    ///
    /// Existing configurations are values and do not change; [`configuration`](Self::configuration) has the node from
    /// now on.
    ///
    /// ```no_run
    /// # async fn example(manager: gorums_runtime::Manager) -> Result<(), gorums_runtime::errors::ManagerError> {
    /// use gorums_runtime::NodeId;
    ///
    /// let old = manager.configuration();
    /// manager.add_node(NodeId::new(4), "10.0.0.4:4000")?;
    /// manager.remove_node(NodeId::new(1))?;
    /// let new = manager.configuration();
    /// assert_ne!(old, new);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the address is not valid, the id is 0, a node of the manager has the id or the address already, or the
    /// manager is closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn add_node(&self, id: NodeId, address: &str) -> Result<Node, ManagerError> {
        let destination = self.dialer.destination(id, address)?;
        self.check_open(&destination)?;
        let node = self.dialer.connect_lazy(destination);
        self.pool.add(node.clone())?;
        Ok(node)
    }

    fn check_open(&self, destination: &Destination) -> Result<(), ManagerError> {
        match self.dialer.tasks().closed().is_cancelled() {
            false => Ok(()),
            true => Err(ManagerError::Closed {
                node: destination.spec(),
            }),
        }
    }

    /// Makes these the nodes of the manager, each with its id and address (`host:port`), in this order: adds those that
    /// it does not have, moves those that are at another address, and removes all others, in one step. So
    /// [`configuration`](Self::configuration) never has a part of the change.
    ///
    /// The rules of [`add_node`](Self::add_node), [`set_address`](Self::set_address) and
    /// [`remove_node`](Self::remove_node) hold for each of them. Nodes that stay where they are keep their connections.
    ///
    /// ```no_run
    /// # fn example(manager: gorums_runtime::Manager) -> Result<(), gorums_runtime::errors::ManagerError> {
    /// use gorums_runtime::NodeId;
    ///
    /// let nodes = [(1, "10.0.0.1:4000"), (3, "10.0.0.7:4000"), (4, "10.0.0.4:4000")];
    /// manager.set_nodes(nodes.map(|(id, address)| (NodeId::new(id), address)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When an address is not valid, an id is 0, two nodes have the same id or address, or the manager is closed.
    /// Nothing changes then.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn set_nodes<A: AsRef<str>>(
        &self,
        nodes: impl IntoIterator<Item = (NodeId, A)>,
    ) -> Result<(), ManagerError> {
        self.change_to(nodes).map(drop)
    }

    /// Checks that [`set_nodes`](Self::set_nodes) accepts these nodes. A protocol by which processes agree on the nodes
    /// calls this before they do, because they could not undo it.
    ///
    /// # Errors
    ///
    /// When an address is not valid, an id is 0, or two nodes have the same id or address.
    pub fn check_nodes<A: AsRef<str>>(
        nodes: impl IntoIterator<Item = (NodeId, A)>,
    ) -> Result<(), ManagerError> {
        let nodes = nodes.into_iter();
        let addresses = nodes.map(|(id, address)| node_address(id, address.as_ref()));
        let addresses: Vec<_> = addresses.collect::<Result<_, _>>()?;
        check_distinct(&addresses)
    }

    /// The same as [`set_nodes`](Self::set_nodes). Returns what has changed.
    pub(crate) fn change_to<A: AsRef<str>>(
        &self,
        nodes: impl IntoIterator<Item = (NodeId, A)>,
    ) -> Result<NodeChanges, ManagerError> {
        let nodes = nodes.into_iter();
        let destinations = nodes.map(|(id, address)| {
            let destination = self.dialer.destination(id, address.as_ref())?;
            self.check_open(&destination)?;
            Ok(destination)
        });
        let destinations: Vec<_> = destinations.collect::<Result<_, ManagerError>>()?;
        self.pool.change_to(destinations, &self.dialer)
    }

    /// Moves a node to another `address` (`host:port`), where it is connected from now on. Its id stays, and so do the
    /// configurations that have it, and what has been measured of it.
    ///
    /// Calls that have been sent to where it was fail on it with `Unavailable`.
    ///
    /// ```no_run
    /// # fn example(manager: gorums_runtime::Manager) -> Result<(), gorums_runtime::errors::ManagerError> {
    /// use gorums_runtime::NodeId;
    ///
    /// manager.set_address(NodeId::new(1), "10.0.0.7:4000")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the manager does not have the node, the address is not valid, or another node has it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn set_address(&self, id: NodeId, address: &str) -> Result<(), ManagerError> {
        let node = self.node(id)?;
        let moved = self.dialer.destination_of(&node, address)?;
        self.pool.set_address(&node, moved)
    }

    /// Removes a node, and closes its connection. Calls in flight on the node, and later ones, fail on it with
    /// `Unavailable`.
    ///
    /// Configurations that have the node keep it, and calls fail on it. Its id and its address can be added again, as
    /// another node.
    ///
    /// # Errors
    ///
    /// If the manager does not have the node.
    pub fn remove_node(&self, id: NodeId) -> Result<(), ManagerError> {
        self.pool.remove(id)
    }

    /// The configuration of all nodes that the manager has now, in the order in which they were given.
    pub fn configuration(&self) -> Configuration {
        self.pool.current()
    }

    /// The nodes that the manager has at the time of each call, for services that follow those that are added and
    /// removed; see [`Membership`].
    pub fn membership(&self) -> Membership {
        let pool = self.pool.clone();
        Membership::following(move || pool.current())
    }

    /// The configuration of the nodes with these ids. Repeated ids count once.
    ///
    /// # Errors
    ///
    /// When `ids` is empty, or names a node that the manager does not have.
    pub fn configuration_of(
        &self,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Result<Configuration, ConfigurationError> {
        let pool = self.configuration();
        let nodes = ids
            .into_iter()
            .map(|id| pool.node(id))
            .collect::<Result<Vec<_>, _>>()?;
        Configuration::new(nodes, self.dialer.tasks().clone())
    }

    /// The node with this id.
    ///
    /// # Errors
    ///
    /// [`UnknownNode`] when the manager does not have it.
    pub fn node(&self, id: NodeId) -> Result<Node, UnknownNode> {
        self.configuration().node(id)
    }

    /// The nodes that the manager has now, in the order in which they were given.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = Node> + ExactSizeIterator {
        let nodes: Vec<Node> = self.configuration().nodes().cloned().collect();
        nodes.into_iter()
    }

    /// The errors of all nodes from now on, including nodes that are added later; see [`NodeErrors`].
    pub fn node_errors(&self) -> NodeErrors {
        self.dialer.reports().listen(self.dialer.tasks())
    }

    /// Which nodes are connected now; see [`Connectivity`].
    pub fn connectivity(&self) -> Connectivity {
        let closed = self.dialer.tasks().closed().clone();
        Connectivity::new(self.dialer.connections(), closed)
    }

    /// How many calls wait for replies on node streams. Calls that have ended do not count.
    pub fn calls_in_flight(&self) -> usize {
        self.dialer.calls().len()
    }

    /// How many messages that no call waited for have arrived on node streams: late replies to calls that have ended,
    /// and messages that should not have been sent at all.
    pub fn ignored_replies(&self) -> u64 {
        self.dialer.calls().ignored()
    }

    /// Closes the connections to all nodes. Calls in flight, and later ones, fail. Closing again does nothing.
    pub fn close(&self) {
        self.dialer.tasks().close();
    }
}
