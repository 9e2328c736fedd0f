//! In-memory replicas.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::unfold;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::manager::{Manager, ManagerError};
use crate::server::Router;
use crate::server::server::Server;

/// The bytes that a connection buffers until its receiver reads them.
const CONNECTION_BUFFER: usize = 64 * 1024;

/// Starts `n` in-memory replicas with the ids 1 to `n`; `replica` makes each of them. The manager connects to a replica
/// when it is first called. The replicas serve until the returned value is dropped.
///
/// ```
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # use gorums_runtime::CallOptions;
/// use gorums_runtime::{NodeId, testing};
/// use register::register_gorums::{RegisterConfiguration, RegisterReplica, RegisterReplicaServer};
///
/// # async fn example<Replica: RegisterReplica>(replica: fn() -> Replica) -> Result<(), Box<dyn std::error::Error>> {
/// let replicas = testing::replicas(3, |_| RegisterReplicaServer::new(replica())).await?;
/// let register = RegisterConfiguration::new(replicas.configuration());
/// replicas.stop(NodeId::new(3));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If `n` is 0.
///
/// # Panics
///
/// Outside a tokio runtime.
pub async fn replicas<R: Into<Router>>(
    n: u32,
    mut replica: impl FnMut(NodeId) -> R,
) -> Result<Replicas, ManagerError> {
    let hosts = Hosts::default();
    let mut manager = Manager::builder().connector({
        let hosts = hosts.clone();
        move |address| std::future::ready(hosts.connect(address))
    });
    for id in (1..=n).map(NodeId::new) {
        let address = address(id);
        hosts.serve(address, Server::new(replica(id)));
        manager = manager.node(id, address.to_string());
    }
    Ok(Replicas {
        manager: manager.connect_lazy().await?,
        hosts,
    })
}

/// In-memory replicas. [`replicas`] starts them.
pub struct Replicas {
    manager: Manager,
    hosts: Hosts,
}

impl Replicas {
    /// Returns the manager of the replicas' nodes.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Returns the configuration of all replicas.
    pub fn configuration(&self) -> Configuration {
        self.manager.configuration()
    }

    /// Stops a replica as if its machine had failed: its connections break, and it refuses new ones. Does nothing if
    /// there is no such replica.
    pub fn stop(&self, id: NodeId) {
        self.hosts.stop(address(id));
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.hosts.stop_all();
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replicas")
            .field(&self.manager.configuration())
            .finish()
    }
}

/// Returns the address of a replica, which no real machine has.
pub(super) fn address(id: NodeId) -> SocketAddr {
    // Class E addresses are reserved, and no network routes them.
    let ip = Ipv4Addr::from_bits(Ipv4Addr::new(240, 0, 0, 0).to_bits() | id.get());
    SocketAddr::new(IpAddr::V4(ip), 1)
}

/// Returns the replica that has the address.
pub(super) fn id_at(address: SocketAddr) -> Option<NodeId> {
    match address.ip() {
        IpAddr::V4(ip) => Some(NodeId::new(ip.to_bits() & 0x0fff_ffff)),
        IpAddr::V6(_) => None,
    }
}

/// The running replicas, by their addresses.
#[derive(Clone, Default)]
struct Hosts(Arc<Mutex<HashMap<SocketAddr, Host>>>);

struct Host {
    accept: mpsc::UnboundedSender<DuplexStream>,
    server: AbortHandle,
}

impl Hosts {
    fn serve(&self, address: SocketAddr, server: Server) {
        let (accept, accepted) = mpsc::unbounded_channel();
        let incoming = unfold(accepted, |mut accepted| async move {
            let connection = accepted.recv().await?;
            Some((Ok::<_, Infallible>(connection), accepted))
        });
        let serving = tokio::spawn(async move {
            // An in-memory server has no address that could be in use.
            let _ = server
                .serve_connections(incoming, std::future::pending())
                .await;
        });
        let host = Host {
            accept,
            server: serving.abort_handle(),
        };
        self.lock().insert(address, host);
    }

    fn connect(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let (client, server) = tokio::io::duplex(CONNECTION_BUFFER);
        self.lock()
            .get(&address)
            .and_then(|host| host.accept.send(server).ok())
            .map(|()| client)
            .ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    fn stop(&self, address: SocketAddr) {
        if let Some(host) = self.lock().remove(&address) {
            host.server.abort();
        }
    }

    fn stop_all(&self) {
        for (_, host) in self.lock().drain() {
            host.server.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
