//! The clients that a server can call.
//!
//! Owns which clients are connected, and their ids. Imports `configuration`, `connection`, `manager`, `node` and what is
//! below them. Does not know the server that reads the clients' streams.

mod connected;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::Transport;
use crate::configuration::{Configuration, Membership};
use crate::connection::{ConnectionOptions, Connector, Endpoint};
use crate::identity::{Address, NodeAddress, NodeId};
use crate::manager::{Manager, ManagerBuilder};
use crate::node::{Node, Shared};
use crate::node_info::{Connections, Connectivity};
use crate::node_stream::Carrier;
use crate::support::{RuntimeWatch, Tasks};

pub(crate) use connected::ConnectedClient;

/// The clients of a server that accept calls from it, as nodes.
///
/// A client accepts calls if its manager [serves](ManagerBuilder::serve) something. The calls travel on the node stream
/// that the client has opened, so that the client needs no address of its own, and may be behind a firewall. A multicast
/// to all clients is a broadcast to subscribers:
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::Server;
/// use gorums_runtime::server::Clients;
/// use register::register_gorums::{RegisterConfiguration, RegisterReplicaServer};
///
/// let clients = Clients::new();
/// let server = Server::new(RegisterReplicaServer::new(replica)).clients(clients.clone());
/// let running = server.bind("127.0.0.1:4000").await?.start();
///
/// // Whoever is connected at the time of each call.
/// let subscribers = RegisterConfiguration::new(clients.membership());
/// # Ok(())
/// # }
/// ```
///
/// Each connection of a client is a node with an id of its own, from 2²⁰ on and above those of a system's members. No
/// later one gets it. A slow client is limited like any slow node, by [`ManagerBuilder::queue_limit`]: calls fail on it, and
/// others do not wait for it.
///
/// A cheap handle: clones are the same clients.
#[derive(Clone)]
pub struct Clients(Arc<ClientPool>);

struct ClientPool {
    shared: Shared,
    connection: ConnectionOptions,
    tasks: Tasks,
    runtime_watch: RuntimeWatch,
    state: Mutex<State>,
}

struct State {
    /// In the order in which they connected.
    nodes: Vec<Node>,
    /// The id of the next client.
    next: u32,
}

impl Clients {
    /// The id of the first client. Those of members are usually lower. This is the rule of Gorums (2026).
    pub const FIRST_ID: NodeId = NodeId::new(1 << 20);

    /// Creates the clients of a server, without any yet.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new() -> Self {
        Self::with_options(|options| options)
    }

    /// Like [`new`](Self::new), but with options of the calls to the clients, such as
    /// [`queue_limit`](ManagerBuilder::queue_limit). Those of connections, and nodes, have no effect.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn with_options(configure: impl FnOnce(ManagerBuilder) -> ManagerBuilder) -> Self {
        Self::with_ids_from(Self::FIRST_ID, configure)
    }

    /// The clients of a system with these `members`, whose ids no client gets.
    pub(crate) fn of_system(
        members: impl Iterator<Item = NodeId>,
        options: ManagerBuilder,
    ) -> Self {
        let above = members.max().and_then(|id| id.get().checked_add(1));
        let first = above.map_or(Self::FIRST_ID, NodeId::new);
        Self::with_ids_from(first.max(Self::FIRST_ID), |_| options)
    }

    fn with_ids_from(
        first: NodeId,
        configure: impl FnOnce(ManagerBuilder) -> ManagerBuilder,
    ) -> Self {
        let options = configure(Manager::builder())
            .of_clients()
            .transport(Transport::NodeStream)
            .keep_connected();
        let tasks = Tasks::new();
        Self(Arc::new(ClientPool {
            shared: Shared {
                connections: Connections::of_clients(),
                ..options.shared()
            },
            connection: ConnectionOptions::new(ManagerBuilder::DEFAULT_CONNECT_TIMEOUT)
                .in_process(Connector::none("a client has no address to connect to")),
            runtime_watch: RuntimeWatch::new(&tasks),
            tasks,
            state: Mutex::new(State {
                nodes: Vec::new(),
                next: first.get(),
            }),
        }))
    }

    /// The configuration of the clients that are connected now. It does not change: calls on a client that has
    /// disconnected fail with `Unavailable`.
    ///
    /// It has no nodes if there are none.
    pub fn configuration(&self) -> Configuration {
        let nodes = self.lock().nodes.clone();
        Configuration::of_manager(nodes, self.0.tasks.clone())
    }

    /// The clients that are connected at the time of each call, for services that follow them; see [`Membership`].
    pub fn membership(&self) -> Membership {
        let clients = self.clone();
        Membership::following(move || clients.configuration())
    }

    /// Which clients are connected, as a set and as events; see [`Connectivity`].
    pub fn connectivity(&self) -> Connectivity {
        Connectivity::new(&self.0.shared.connections, self.0.tasks.closed().clone())
    }

    /// Adds the client at `address`, whose stream is the `carrier`. `None` if there are no more ids.
    pub(crate) fn admit(
        &self,
        address: Option<SocketAddr>,
        carrier: Carrier,
    ) -> Option<ConnectedClient> {
        let mut state = self.lock();
        let id = NodeId::new(state.next);
        let node = self.node(id, address, carrier)?;
        state.next = state.next.checked_add(1)?;
        state.nodes.push(node.clone());
        drop(state);
        node.join();
        Some(ConnectedClient::new(self.clone(), node))
    }

    fn node(&self, id: NodeId, address: Option<SocketAddr>, carrier: Carrier) -> Option<Node> {
        let name = match address {
            Some(address) => address.to_string(),
            None => "a client without an address".to_owned(),
        };
        let pool = &*self.0;
        let address = NodeAddress {
            id,
            name: name.into(),
            address: Address::Socket(address.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())),
        };
        let tasks = pool.tasks.child();
        let endpoint = Endpoint::new(&address, &pool.connection, tasks.clone());
        let link = endpoint.ok()?.connect_lazy();
        let (shared, watch) = (&pool.shared, pool.runtime_watch.clone());
        Some(Node::new(
            address,
            link,
            Some(carrier),
            shared,
            tasks,
            watch,
        ))
    }

    fn remove(&self, node: &Node) {
        self.lock().nodes.retain(|other| !other.is(node));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ClientPool {
    fn drop(&mut self) {
        self.tasks.close();
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.lock().nodes).finish()
    }
}
