//! Turns addresses into nodes.

use std::io;
use std::net::SocketAddr;

use super::addresses::{node_address, parse};
use super::error::ManagerError;
use crate::connection::{ConnectionOptions, Connector, Endpoint, Link};
use crate::identity::{Address, NodeAddress, NodeId, NodeSpec};
use crate::node::{Node, Shared};
use crate::node_info::{Connections, NodeError, Reports};
use crate::node_stream::Calls;
use crate::support::{RuntimeWatch, Tasks};

/// Makes the nodes of one manager, all with its settings.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    connection: ConnectionOptions,
    /// The node that is this process itself, and how it is connected to.
    itself: Option<(NodeId, ConnectionOptions)>,
    shared: Shared,
    tasks: Tasks,
    runtime_watch: RuntimeWatch,
}

/// A node that is to be connected to.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) address: NodeAddress,
    endpoint: Endpoint,
    /// The node's background work.
    tasks: Tasks,
}

/// Another address of a node that exists.
pub(super) struct Moved {
    pub(super) address: NodeAddress,
    endpoint: Endpoint,
}

impl Moved {
    /// Moves `node` there: whatever uses the node is connected to it there from now on.
    pub(super) fn apply(self, node: &Node) {
        let link = self.endpoint.connect_lazy();
        node.move_to(self.address, &link);
    }
}

impl Destination {
    /// The node as the user named it.
    pub(super) fn spec(&self) -> NodeSpec {
        self.address.spec()
    }
}

impl Dialer {
    pub(super) fn new(
        connection: ConnectionOptions,
        shared: Shared,
        itself: Option<(NodeId, Connector)>,
        tasks: Tasks,
    ) -> Self {
        Self {
            shared,
            itself: itself.map(|(id, connector)| (id, connection.in_process(connector))),
            connection,
            runtime_watch: RuntimeWatch::new(&tasks),
            tasks,
        }
    }

    /// The calls that wait for replies of the nodes.
    pub(super) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// Which nodes are connected.
    pub(super) fn connections(&self) -> &Connections {
        &self.shared.connections
    }

    /// Where the nodes report their errors.
    pub(super) fn reports(&self) -> &Reports {
        &self.shared.reports
    }

    /// The background work of all nodes.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Parses the `address` of a node with an id.
    pub(super) fn destination(
        &self,
        id: NodeId,
        address: &str,
    ) -> Result<Destination, ManagerError> {
        let address = node_address(id, address)?;
        let tasks = self.tasks.child();
        match Endpoint::new(&address, self.options_for(id), tasks.clone()) {
            Ok(endpoint) => Ok(Destination {
                address,
                endpoint,
                tasks,
            }),
            Err(source) => Err(ManagerError::InvalidOptions {
                node: address.spec(),
                source,
            }),
        }
    }

    /// The id that is derived from an address: from its IP address, for which a name is resolved, or from the path of a
    /// socket.
    pub(super) async fn id_of(&self, address: &str) -> Result<NodeId, ManagerError> {
        match parse(address)? {
            #[cfg(unix)]
            Address::Unix(_) => Ok(NodeId::from_text(address)),
            parsed => match self.look_up(&parsed).await {
                Ok(socket) => Ok(NodeId::from_address(socket)),
                Err(source) => Err(ManagerError::InvalidAddress {
                    address: address.to_owned(),
                    source,
                }),
            },
        }
    }

    fn options_for(&self, id: NodeId) -> &ConnectionOptions {
        match &self.itself {
            Some((itself, options)) if *itself == id => options,
            _ => &self.connection,
        }
    }

    /// Parses another `address` of `node`.
    pub(super) fn destination_of(&self, node: &Node, address: &str) -> Result<Moved, ManagerError> {
        let address = node_address(node.id(), address)?;
        let options = self.options_for(node.id());
        match Endpoint::new(&address, options, node.tasks().clone()) {
            Ok(endpoint) => Ok(Moved { address, endpoint }),
            Err(source) => Err(ManagerError::InvalidOptions {
                node: address.spec(),
                source,
            }),
        }
    }

    /// The node, once it is connected to.
    pub(super) async fn connect(&self, destination: Destination) -> Result<Node, NodeError> {
        match destination.endpoint.connect(self.shared.transport).await {
            Ok(link) => Ok(self.node(destination, link)),
            Err(status) => {
                let NodeAddress { id, name, .. } = destination.address;
                Err(NodeError::new(id, name, status))
            }
        }
    }

    /// The node, which is connected to when it is first called.
    pub(super) fn connect_lazy(&self, destination: Destination) -> Node {
        let link = destination.endpoint.connect_lazy();
        self.node(destination, link)
    }

    fn node(&self, destination: Destination, link: Link) -> Node {
        Node::new(
            destination.address,
            link,
            None,
            &self.shared,
            destination.tasks,
            self.runtime_watch.clone(),
        )
    }

    /// The IP address from which the id of the node at `address` is derived: the first IPv4 one, or else the first.
    async fn look_up(&self, address: &Address) -> io::Result<SocketAddr> {
        let resolving = self.connection.resolver.resolve(address);
        let resolved = tokio::time::timeout(self.connection.connect_timeout, resolving).await??;
        let address = resolved
            .iter()
            .find(|address| address.is_ipv4())
            .or_else(|| resolved.first());
        address
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
