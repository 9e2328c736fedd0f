//! How a manager comes to be.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Semaphore;

use super::{Manager, ManagerError, NodeSpec};
use crate::connector::{Connection, Connector};
use crate::grpc::Endpoint;
use crate::node::Limits;
use crate::node_error::NodeError;
use crate::tasks::Tasks;
use crate::{Node, NodeId};

/// Sets up a [`Manager`].
///
/// ```no_run
/// # async fn example() -> Result<(), gorums_runtime::ManagerError> {
/// use std::time::Duration;
/// use gorums_runtime::{Manager, NodeId};
///
/// let manager = Manager::builder()
///     .node(NodeId::new(1), "replica-1.example.com:4000")
///     .node(NodeId::new(2), "replica-2.example.com:4000")
///     .connect_timeout(Duration::from_secs(2))
///     .connect_lazy()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct ManagerBuilder {
    nodes: Vec<(Option<NodeId>, String)>,
    connect_timeout: Duration,
    limits: Limits,
    connector: Connector,
}

impl ManagerBuilder {
    /// How long a connection may take to be made, unless [`connect_timeout`](Self::connect_timeout) says
    /// otherwise.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// How many decided calls go on per node, unless [`straggler_limit`](Self::straggler_limit) says otherwise.
    pub const DEFAULT_STRAGGLER_LIMIT: usize = 16_384;

    /// How many one-way calls may be under way per node, unless [`one_way_limit`](Self::one_way_limit) says otherwise.
    pub const DEFAULT_ONE_WAY_LIMIT: usize = 16_384;

    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            limits: Limits {
                stragglers: Self::DEFAULT_STRAGGLER_LIMIT,
                one_way: Self::DEFAULT_ONE_WAY_LIMIT,
            },
            connector: Connector::tcp(),
        }
    }

    /// Adds a node at `address` (`host:port`) whose id is derived from the address that it resolves to, as
    /// [`NodeId::from_address`] does. Of several resolved addresses the first of IPv4 counts, else the first.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.nodes.push((None, address.into()));
        self
    }

    /// Adds a node for each address, as [`address`](Self::address) does.
    pub fn addresses<A: Into<String>>(mut self, addresses: impl IntoIterator<Item = A>) -> Self {
        self.nodes
            .extend(addresses.into_iter().map(|address| (None, address.into())));
        self
    }

    /// Adds a node at `address` (`host:port`) with an id of your choice, above 0.
    pub fn node(mut self, id: NodeId, address: impl Into<String>) -> Self {
        self.nodes.push((Some(id), address.into()));
        self
    }

    /// How long it may take to resolve an address, and each time to connect to it.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How many quorum calls that have been decided may go on per node that has not answered yet; beyond that the
    /// oldest is withdrawn. With 0 a decided call is withdrawn at once from the nodes that have not answered.
    pub fn straggler_limit(mut self, calls: usize) -> Self {
        self.limits.stragglers = calls;
        self
    }

    /// How many one-way calls may be under way per node, from 1 on: sent, and not yet answered by its server. Beyond
    /// that a one-way call waits for room.
    pub fn one_way_limit(mut self, calls: usize) -> Self {
        self.limits.one_way = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Connects with `connect` in place of TCP: in memory, under simulation, or through a tunnel. Addresses other
    /// than `ip:port` are still resolved by DNS.
    pub fn connector<F, Fut, C>(mut self, connect: F) -> Self
    where
        F: Fn(SocketAddr) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<C>> + Send + 'static,
        C: Connection,
    {
        self.connector = Connector::new(connect);
        self
    }

    /// The manager, once it is connected to every node.
    ///
    /// # Errors
    ///
    /// When no node, an invalid address, a duplicate or the id 0 was given, or when a node cannot be connected to
    /// within the connect timeout: the error names all such nodes.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connections that it had made.
    pub async fn connect(self) -> Result<Manager, ManagerError> {
        let tasks = Tasks::new();
        let specs = self.resolve().await?;
        let attempts = specs
            .iter()
            .map(|(_, address)| async { self.endpoint(*address, &tasks).connect().await });
        let attempts = join_all(attempts).await;

        let mut nodes = Vec::with_capacity(specs.len());
        let mut failed = Vec::new();
        for ((spec, address), channel) in specs.into_iter().zip(attempts) {
            match channel {
                Ok(channel) => nodes.push(self.make_node(spec, address, channel, &tasks)),
                Err(status) => failed.push(NodeError::of(spec.id, spec.address.into(), status)),
            }
        }
        if !failed.is_empty() {
            tasks.close();
            return Err(ManagerError::Connect {
                nodes: nodes.len() + failed.len(),
                failed,
            });
        }
        Manager::new(nodes, tasks)
    }

    /// The manager, before it is connected: each node is connected to when it is first called. A node that is down
    /// fails the calls made to it, until it is up.
    ///
    /// # Errors
    ///
    /// When no node, an invalid address, a duplicate or the id 0 was given.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect_lazy(self) -> Result<Manager, ManagerError> {
        let tasks = Tasks::new();
        let nodes = self
            .resolve()
            .await?
            .into_iter()
            .map(|(spec, address)| {
                let channel = self.endpoint(address, &tasks).connect_lazy();
                self.make_node(spec, address, channel, &tasks)
            })
            .collect();
        Manager::new(nodes, tasks)
    }

    fn endpoint(&self, address: SocketAddr, tasks: &Tasks) -> Endpoint {
        Endpoint::new(
            address,
            self.connect_timeout,
            self.connector.clone(),
            tasks.clone(),
        )
    }

    fn make_node(
        &self,
        spec: NodeSpec,
        address: SocketAddr,
        channel: tonic::transport::Channel,
        tasks: &Tasks,
    ) -> Node {
        Node::new(
            spec.id,
            Arc::from(spec.address),
            address,
            channel,
            self.limits,
            tasks.clone(),
        )
    }

    /// The nodes with their ids and resolved addresses, no two of which are equal.
    async fn resolve(&self) -> Result<Vec<(NodeSpec, SocketAddr)>, ManagerError> {
        if self.nodes.is_empty() {
            return Err(ManagerError::NoNodes);
        }
        let resolving = self.nodes.iter().map(|(_, address)| self.lookup(address));
        let mut by_id: HashMap<NodeId, NodeSpec> = HashMap::new();
        let mut by_address: HashMap<SocketAddr, NodeSpec> = HashMap::new();
        let mut specs = Vec::with_capacity(self.nodes.len());
        for ((id, address), resolved) in self.nodes.iter().zip(join_all(resolving).await) {
            let resolved = resolved.map_err(|source| ManagerError::InvalidAddress {
                address: address.clone(),
                source,
            })?;
            let node = NodeSpec {
                id: id.unwrap_or_else(|| NodeId::from_address(resolved)),
                address: address.clone(),
            };
            if node.id.get() == 0 {
                return Err(ManagerError::ReservedId { node });
            }
            if let Some(first) = by_address.insert(resolved, node.clone()) {
                return Err(ManagerError::DuplicateAddress {
                    first,
                    second: node,
                });
            }
            if let Some(first) = by_id.insert(node.id, node.clone()) {
                return Err(ManagerError::DuplicateId {
                    first,
                    second: node,
                });
            }
            specs.push((node, resolved));
        }
        Ok(specs)
    }

    async fn lookup(&self, address: &str) -> io::Result<SocketAddr> {
        let resolved: Vec<SocketAddr> = match address.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let lookup = tokio::net::lookup_host(address);
                tokio::time::timeout(self.connect_timeout, lookup)
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
