//! Turns addresses into nodes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::error::ManagerError;
use crate::connection::{ConnectionOptions, Connector, Endpoint, Link};
use crate::identity::{NodeAddress, NodeId, NodeSpec};
use crate::node::{Node, Shared};
use crate::node_info::{Connections, NodeError};
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

    /// The background work of all nodes.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Resolves `address`. Without an `id`, the node's id is derived from the resolved address.
    pub(super) async fn resolve(
        &self,
        id: Option<NodeId>,
        address: &str,
    ) -> Result<Destination, ManagerError> {
        let socket =
            self.look_up(address)
                .await
                .map_err(|source| ManagerError::InvalidAddress {
                    address: address.to_string(),
                    source,
                })?;
        let address = NodeAddress {
            id: id.unwrap_or_else(|| NodeId::from_address(socket)),
            name: Arc::from(address),
            socket,
        };
        let spec = address.spec();
        if spec.id.get() == 0 {
            return Err(ManagerError::ReservedId { node: spec });
        }
        let tasks = self.tasks.child();
        match Endpoint::new(&spec, socket, self.options_for(spec.id), tasks.clone()) {
            Ok(endpoint) => Ok(Destination {
                address,
                endpoint,
                tasks,
            }),
            Err(source) => Err(ManagerError::InvalidOptions { node: spec, source }),
        }
    }

    fn options_for(&self, id: NodeId) -> &ConnectionOptions {
        match &self.itself {
            Some((itself, options)) if *itself == id => options,
            _ => &self.connection,
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

    async fn look_up(&self, address: &str) -> io::Result<SocketAddr> {
        let resolved: Vec<SocketAddr> = match address.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let lookup = tokio::net::lookup_host(address);
                tokio::time::timeout(self.connection.connect_timeout, lookup)
                    .await??
                    .collect()
            }
        };
        let address = resolved
            .iter()
            .find(|address| address.is_ipv4())
            .or_else(|| resolved.first())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has no IP address"))?;
        if address.port() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "port 0 is not a port to connect to",
            ));
        }
        Ok(*address)
    }
}
