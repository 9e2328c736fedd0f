//! Sets up managers.

use std::sync::Arc;

use futures::future::{join_all, try_join_all};
use tokio::sync::Semaphore;

use super::Manager;
use super::addresses::check_distinct;
use super::dialer::{Destination, Dialer};
use super::error::ManagerError;
use crate::call::{MessageOptions, Transport};
use crate::connection::{ConnectionOptions, Connector};
use crate::identity::{Introduction, NodeId, accept_calls};
use crate::node::{Limits, Shared};
use crate::node_info::{Connections, Reports};
use crate::node_stream::{Calls, ReverseService};
use crate::support::Tasks;
#[cfg(feature = "_tls-any")]
use crate::tls::Dialled;
use crate::wire::Capacity;

/// Sets up a [`Manager`].
///
/// ```no_run
/// # async fn example() -> Result<(), gorums_runtime::errors::ManagerError> {
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
    pub(super) connection: ConnectionOptions,
    pub(super) messages: MessageOptions,
    limits: Limits,
    transport: Transport,
    keep_connected: bool,
    /// The node that is this process itself, and the connector that leads to it.
    itself: Option<(NodeId, Connector)>,
    /// What serves the calls that the nodes make to this client. `None` if it accepts none.
    reverse: Option<ReverseService>,
}

impl ManagerBuilder {
    /// The default of [`straggler_limit`](Self::straggler_limit).
    pub const DEFAULT_STRAGGLER_LIMIT: usize = 16_384;

    /// The default of [`one_way_limit`](Self::one_way_limit).
    pub const DEFAULT_ONE_WAY_LIMIT: usize = 16_384;

    /// The default number of messages of [`queue_limit`](Self::queue_limit).
    pub const DEFAULT_QUEUE_MESSAGES: usize = 16_384;

    /// The default number of bytes of [`queue_limit`](Self::queue_limit): 64 MiB.
    pub const DEFAULT_QUEUE_BYTES: usize = 64 * 1024 * 1024;

    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            connection: ConnectionOptions::new(Self::DEFAULT_CONNECT_TIMEOUT),
            messages: MessageOptions::new(Self::DEFAULT_MAX_MESSAGE_SIZE),
            limits: Limits {
                stragglers: Self::DEFAULT_STRAGGLER_LIMIT,
                one_way: Self::DEFAULT_ONE_WAY_LIMIT,
                queue: Capacity {
                    messages: Self::DEFAULT_QUEUE_MESSAGES,
                    bytes: Self::DEFAULT_QUEUE_BYTES,
                },
            },
            transport: Transport::default(),
            keep_connected: false,
            itself: None,
            reverse: None,
        }
    }

    /// Adds a node at `address` (`host:port`) whose id is derived from its IP address, as [`NodeId::from_address`] does. A
    /// name is resolved for that when the manager is created, and has to be known by then; of several IP addresses, the
    /// first IPv4 one counts, or else the first. Give the node an id with [`node`](Self::node) if its name may be
    /// unknown, or its address may change.
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

    /// Adds a node at `address` (`host:port`) with an id of your choice, above 0. A name is resolved in each attempt to
    /// connect, and all of its IP addresses are tried. On Unix, `unix:PATH` is the address of a socket in the file
    /// system, for which a [connector](Self::connector) is not asked.
    pub fn node(mut self, id: NodeId, address: impl Into<String>) -> Self {
        self.nodes.push((Some(id), address.into()));
        self
    }

    /// Limits the decided quorum calls that go on at a node that has not answered them. Beyond the limit, the oldest is
    /// withdrawn. With 0, a decided call is withdrawn at once from the nodes that have not answered.
    pub fn straggler_limit(mut self, calls: usize) -> Self {
        self.limits.stragglers = calls;
        self
    }

    /// Limits the one-way calls in flight per node with [`Transport::Grpc`]: those that the node's server has not
    /// answered yet. Beyond the limit, which is at least 1, one-way calls wait for room. Each method that takes a
    /// stream has a limit of its own, as high, on the multicasts that wait for the connection. For node streams, see
    /// [`queue_limit`](Self::queue_limit).
    pub fn one_way_limit(mut self, calls: usize) -> Self {
        self.limits.one_way = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how calls travel to the nodes. The default is [`Transport::NodeStream`].
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Opens a node stream to each node at once, in the background, and keeps it open: after a failure it is opened
    /// again once the [back-off](Self::backoff) has passed, whether there are calls or not. A node that comes up is
    /// thus connected within one step of the back-off. Without this option a node is connected when it is first called.
    ///
    /// [`Manager::connectivity`] reports which nodes are connected. With [`Transport::Grpc`] the streams carry no calls
    /// and serve that purpose alone.
    pub fn keep_connected(mut self) -> Self {
        self.keep_connected = true;
        self
    }

    /// Refuses a node that says it has another id than the one given here, with `FailedPrecondition` and both ids: its
    /// address belongs to another member by now. Members of a [`System`](crate::System) say their ids when a node
    /// stream is opened; other servers say none, and pass. Systems always check.
    pub fn check_node_ids(mut self) -> Self {
        self.connection.check_node_ids = true;
        self
    }

    /// The same options for nodes that are clients of a server.
    pub(crate) fn of_clients(mut self) -> Self {
        self.messages.meter = self.messages.meter.of_clients();
        self
    }

    /// The same options for other nodes.
    pub(crate) fn without_nodes(mut self) -> Self {
        self.nodes.clear();
        self
    }

    /// Makes the manager that of a member of a system: it introduces itself, refuses nodes with other ids, keeps all
    /// connected, and reaches itself through `connector`.
    pub(crate) fn member(mut self, introduction: Introduction, connector: Connector) -> Self {
        self.itself = Some((introduction.id(), connector));
        self.connection.introduction = Some(introduction);
        self.keep_connected().check_node_ids()
    }

    /// Connects to the members of a system by TLS, in place of the user's.
    #[cfg(feature = "_tls-any")]
    pub(crate) fn members_tls(mut self, tls: Dialled) -> Self {
        self.connection.tls = Some(tls);
        self
    }

    /// Lets the nodes call this client, which `service` serves.
    pub(crate) fn reverse_service(mut self, service: ReverseService) -> Self {
        self.reverse = Some(service);
        self.keep_connected()
    }

    /// Limits the messages, at least 1, and their bytes that wait to be sent on the stream to a node, with
    /// [`Transport::NodeStream`]. Beyond the limit, a quorum call fails on the node at once with `ResourceExhausted`; calls
    /// to one node and one-way calls wait for room.
    pub fn queue_limit(mut self, messages: usize, bytes: usize) -> Self {
        self.limits.queue = Capacity {
            messages: messages.max(1),
            bytes,
        };
        self
    }

    /// Creates the manager, and waits until it is connected to every node: until each has begun HTTP/2, so that a node that
    /// does not serve, or refuses this process's certificate, is found out here.
    ///
    /// # Errors
    ///
    /// When an invalid address or option, a duplicate or the id 0 was given, or when a node cannot be
    /// connected to, or does not answer, within the connect timeout: the error names all such nodes.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connections made so far.
    pub async fn connect(self) -> Result<Manager, ManagerError> {
        let dialer = self.dialer();
        let destinations = self.resolve(&dialer).await?;
        let attempts = destinations
            .into_iter()
            .map(|destination| dialer.connect(destination));
        let mut nodes = Vec::new();
        let mut failed = Vec::new();
        for attempt in join_all(attempts).await {
            match attempt {
                Ok(node) => nodes.push(node),
                Err(error) => failed.push(error),
            }
        }
        if !failed.is_empty() {
            dialer.tasks().close();
            return Err(ManagerError::Connect {
                nodes: nodes.len() + failed.len(),
                failed,
            });
        }
        Manager::new(nodes, dialer)
    }

    /// Creates the manager without connecting: each node is connected when it is first called. While a node is down,
    /// calls to it fail.
    ///
    /// # Errors
    ///
    /// When an invalid address or option, a duplicate or the id 0 was given.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect_lazy(self) -> Result<Manager, ManagerError> {
        let dialer = self.dialer();
        let destinations = self.resolve(&dialer).await?;
        let nodes = destinations
            .into_iter()
            .map(|destination| dialer.connect_lazy(destination))
            .collect();
        Manager::new(nodes, dialer)
    }

    fn dialer(&self) -> Dialer {
        let itself = self.itself.clone();
        Dialer::new(self.connection.clone(), self.shared(), itself, Tasks::new())
    }

    /// What the nodes of a manager with these options have in common.
    pub(crate) fn shared(&self) -> Shared {
        let mut messages = self.messages.clone();
        match &self.connection.introduction {
            Some(introduction) => introduction.add_to(&mut messages.metadata),
            None if self.reverse.is_some() => accept_calls(&mut messages.metadata),
            None => {}
        }
        Shared {
            limits: self.limits,
            calls: Calls::new(messages.reply_limit),
            messages: Arc::new(messages),
            reports: Reports::new(),
            connections: Connections::of_manager(),
            keep_connected: self.keep_connected,
            transport: self.transport,
            backoff: self.connection.backoff,
            reverse: self.reverse.clone(),
        }
    }

    /// Resolves the nodes' addresses, and checks that no two lead to the same node, and that TLS is possible.
    async fn resolve(&self, dialer: &Dialer) -> Result<Vec<Destination>, ManagerError> {
        #[cfg(feature = "_tls-any")]
        if let Some(tls) = &self.connection.tls {
            tls.credentials.current().check_client()?;
        }
        let resolving = self.nodes.iter().map(async |(id, address)| {
            let id = match id {
                Some(id) => *id,
                None => dialer.id_of(address).await?,
            };
            dialer.destination(id, address)
        });
        let destinations = try_join_all(resolving).await?;
        check_distinct(destinations.iter().map(|it| &it.address))?;
        Ok(destinations)
    }
}
