//! From an address to a node.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{ManagerError, NodeSpec};
use crate::grpc::{ConnectionOptions, Endpoint, Link, MessageOptions};
use crate::id::NodeId;
use crate::keep::RuntimeWatch;
use crate::node::Node;
use crate::node::{Limits, Shared};
use crate::node_error::NodeError;
use crate::node_errors::Reports;
use crate::stream::Calls;
use crate::tasks::Tasks;
use crate::transport::Transport;

/// Makes the nodes of one manager, all with its settings.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    connection: ConnectionOptions,
    shared: Shared,
    tasks: Tasks,
    runtime_watch: RuntimeWatch,
}

/// A node that is to be connected to.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) spec: NodeSpec,
    pub(super) socket_address: SocketAddr,
    endpoint: Endpoint,
    /// The node's background work.
    tasks: Tasks,
}

impl Dialer {
    pub(super) fn new(
        connection: ConnectionOptions,
        messages: MessageOptions,
        limits: Limits,
        transport: Transport,
        tasks: Tasks,
    ) -> Self {
        Self {
            shared: Shared {
                limits,
                calls: Calls::new(messages.reply_limit),
                messages: Arc::new(messages),
                reports: Reports::new(),
                transport,
                backoff: connection.backoff,
            },
            connection,
            runtime_watch: RuntimeWatch::new(&tasks),
            tasks,
        }
    }

    /// The calls that wait for replies of the nodes.
    pub(super) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// The background work of all nodes.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Where `address` leads. Without an `id` the node's is derived from what the address resolves to.
    pub(super) async fn resolve(
        &self,
        id: Option<NodeId>,
        address: &str,
    ) -> Result<Destination, ManagerError> {
        let socket_address =
            self.look_up(address)
                .await
                .map_err(|source| ManagerError::InvalidAddress {
                    address: address.to_string(),
                    source,
                })?;
        let spec = NodeSpec {
            id: id.unwrap_or_else(|| NodeId::from_address(socket_address)),
            address: address.to_string(),
        };
        if spec.id.get() == 0 {
            return Err(ManagerError::ReservedId { node: spec });
        }
        let tasks = self.tasks.child();
        match Endpoint::new(&spec, socket_address, &self.connection, tasks.clone()) {
            Ok(endpoint) => Ok(Destination {
                spec,
                socket_address,
                endpoint,
                tasks,
            }),
            Err(source) => Err(ManagerError::InvalidOptions { node: spec, source }),
        }
    }

    /// The node, once it is connected to.
    pub(super) async fn connect(&self, destination: Destination) -> Result<Node, NodeError> {
        match destination.endpoint.connect(self.shared.transport).await {
            Ok(link) => Ok(self.node(destination, link)),
            Err(status) => {
                let NodeSpec { id, address } = destination.spec;
                Err(NodeError::of(id, address.into(), status))
            }
        }
    }

    /// The node, which is connected to when it is first called.
    pub(super) fn connect_lazy(&self, destination: Destination) -> Node {
        let link = destination.endpoint.connect_lazy();
        self.node(destination, link)
    }

    fn node(&self, destination: Destination, link: Link) -> Node {
        let NodeSpec { id, address } = destination.spec;
        Node::new(
            id,
            Arc::from(address),
            destination.socket_address,
            link,
            self.shared.clone(),
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
