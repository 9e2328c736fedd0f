//! In-memory systems of peers.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

use super::cables::Cables;
use super::replicas::{address, id_at};
use crate::identity::NodeId;
use crate::manager::{Manager, ManagerBuilder};
use crate::server::server::Server;
use crate::system::{RunningSystem, System, SystemBuilder, SystemError};

/// Starts `n` systems in memory with the ids 1 to `n`, all members of one another. `replica` makes the services of
/// each, given the system, which has the configuration of all members.
///
/// The network between them can be [cut](Systems::cut) and [slowed](Systems::slow), and each of them
/// [killed](Systems::kill) and [started](Systems::start) again. Under tokio's paused time, a test takes no longer than its
/// work.
///
/// ```
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// use gorums_runtime::{NodeId, testing};
/// use register::register_gorums::{RegisterConfiguration, RegisterReplica, RegisterReplicaServer};
///
/// # async fn example<R: RegisterReplica>(replica: fn() -> R) -> Result<(), Box<dyn std::error::Error>> {
/// let systems = testing::systems(3, move |_| RegisterReplicaServer::new(replica())).await?;
/// let [one, two, three] = [1, 2, 3].map(NodeId::new);
/// systems.connected().await;
///
/// systems.cut_off(one); // in both directions
/// systems.system(two).connectivity().wait_until(|connected| !connected.contains(&one)).await?;
/// systems.heal();
/// systems.kill(three);
/// systems.start(three).await?;
/// systems.connected().await;
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
pub async fn systems<S: Into<Server>>(
    n: u32,
    replica: impl Fn(&System) -> S + Send + Sync + 'static,
) -> Result<Systems, SystemError> {
    systems_with(n, |_, builder| builder, replica).await
}

/// Like [`systems`], with options: `configure` gets the id and the builder of each system.
///
/// # Errors
///
/// If `n` is 0, or an option is not valid.
///
/// # Panics
///
/// Outside a tokio runtime.
pub async fn systems_with<S: Into<Server>>(
    n: u32,
    configure: impl Fn(NodeId, SystemBuilder) -> SystemBuilder + Send + Sync + 'static,
    replica: impl Fn(&System) -> S + Send + Sync + 'static,
) -> Result<Systems, SystemError> {
    let systems = Systems {
        n,
        configure: Box::new(configure),
        replica: Box::new(move |system| replica(system).into()),
        network: Network::default(),
    };
    for id in systems.ids() {
        systems.start(id).await?;
    }
    match n {
        0 => Err(SystemError::NotAMember {
            node_id: NodeId::new(1),
            members: Vec::new(),
        }),
        _ => Ok(systems),
    }
}

type Configure = dyn Fn(NodeId, SystemBuilder) -> SystemBuilder + Send + Sync;

type Replica = dyn Fn(&System) -> Server + Send + Sync;

/// In-memory systems of peers. [`systems`] starts them. Dropping them kills all.
pub struct Systems {
    n: u32,
    configure: Box<Configure>,
    replica: Box<Replica>,
    network: Network,
}

impl Systems {
    /// Returns the ids of all systems, running or not.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (1..=self.n).map(NodeId::new)
    }

    /// Returns a running system.
    ///
    /// # Panics
    ///
    /// If there is no such system, or it does not run.
    pub fn system(&self, id: NodeId) -> System {
        let hosts = self.network.hosts();
        let host = hosts.get(&id);
        let host = host.unwrap_or_else(|| panic!("the system {id} does not run"));
        host.system.clone()
    }

    /// Sets up a manager of all systems that is on the simulated network, but is none of them: a client. Its links are
    /// [cut](Self::cut) and [slowed](Self::slow) by `id`, which must not be that of a system.
    ///
    /// ```
    /// # async fn example(systems: gorums_runtime::testing::Systems) -> Result<(), Box<dyn std::error::Error>> {
    /// use gorums_runtime::NodeId;
    ///
    /// let (client, one) = (NodeId::new(101), NodeId::new(1));
    /// let manager = systems.client(client).connect_lazy().await?;
    /// systems.cut(one, client); // its requests arrive; the replies do not
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `id` is that of a system.
    pub fn client(&self, id: NodeId) -> ManagerBuilder {
        assert!(
            self.ids().all(|system| system != id),
            "{id} is the id of a system"
        );
        let network = self.network.clone();
        let connects = Manager::builder().connector(move |address| {
            let lasts = CancellationToken::new();
            network.clone().connect(id, lasts, address)
        });
        self.ids().fold(connects, |manager, id| {
            manager.node(id, address(id).to_string())
        })
    }

    /// Starts a system that was killed or stopped, with a replica made anew. Does nothing if it runs.
    ///
    /// # Errors
    ///
    /// If an option is not valid.
    pub async fn start(&self, id: NodeId) -> Result<(), SystemError> {
        if self.network.hosts().contains_key(&id) {
            return Ok(());
        }
        let members = self.ids().map(|id| (id, address(id).to_string()));
        let network = self.network.clone();
        let killed = CancellationToken::new();
        let end = killed.clone();
        let builder = System::builder(id, members).manager(|manager| {
            manager.connector(move |address| network.clone().connect(id, end.clone(), address))
        });
        let (accept, accepted) = mpsc::unbounded_channel();
        let system = (self.configure)(id, builder)
            .accept(UnboundedReceiverStream::new(accepted))
            .await?;
        let running = system.serve((self.replica)(&system))?;
        let host = Host {
            system,
            running,
            accept,
            killed,
        };
        self.network.hosts().insert(id, host);
        Ok(())
    }

    /// Ends a system as if its machine had failed: its connections break, and new ones to it are refused. Handlers that
    /// are running go on, but nobody gets their replies. Does nothing if it does not run.
    pub fn kill(&self, id: NodeId) {
        if let Some(host) = self.network.hosts().remove(&id) {
            host.killed.cancel();
            host.running.abort();
        }
    }

    /// Stops a system as [`RunningSystem::stop`] does. Does nothing if it does not run.
    ///
    /// # Errors
    ///
    /// If its server failed.
    pub async fn stop(&self, id: NodeId) -> Result<(), SystemError> {
        let host = self.network.hosts().remove(&id);
        match host {
            Some(host) => host.running.stop().await,
            None => Ok(()),
        }
    }

    /// Cuts the link from one system to another: nothing that `from` sends reaches `to`. What `to` sends still arrives.
    /// New connections between the two cannot be made, in either direction.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        let cables = &self.network.cables;
        cables.change((from, to), |cable| cable.is_cut = true);
    }

    /// Cuts a system off from all others, in both directions.
    pub fn cut_off(&self, id: NodeId) {
        let others: Vec<NodeId> = self.ids().filter(|other| *other != id).collect();
        self.partition(&[id], &others);
    }

    /// Cuts all links between the systems of `some` and those of `others`, in both directions.
    pub fn partition(&self, some: &[NodeId], others: &[NodeId]) {
        for &one in some {
            for &other in others {
                self.cut(one, other);
                self.cut(other, one);
            }
        }
    }

    /// Delays what travels from one system to another by `delay`.
    pub fn slow(&self, from: NodeId, to: NodeId, delay: Duration) {
        let cables = &self.network.cables;
        cables.change((from, to), |cable| cable.delay = delay);
    }

    /// Mends all links: none is cut or slow any more. Bytes that were held arrive.
    pub fn heal(&self) {
        self.network.cables.heal();
    }

    /// Waits until each system that runs is connected to all that run.
    pub async fn connected(&self) {
        let running: Vec<System> = {
            let hosts = self.network.hosts();
            hosts.values().map(|host| host.system.clone()).collect()
        };
        let ids: Vec<NodeId> = running.iter().map(System::id).collect();
        for system in running {
            let connectivity = system.connectivity();
            // A system that is killed meanwhile need not be waited for.
            let _ = connectivity
                .wait_until(|connected| ids.iter().all(|id| connected.contains(id)))
                .await;
        }
    }
}

impl Drop for Systems {
    fn drop(&mut self) {
        for id in self.ids() {
            self.kill(id);
        }
    }
}

impl fmt::Debug for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.network.hosts();
        f.debug_struct("Systems")
            .field("n", &self.n)
            .field("running", &hosts.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The hosts that run, and the links between them.
#[derive(Clone, Default)]
struct Network {
    hosts: Arc<Mutex<HashMap<NodeId, Host>>>,
    cables: Cables,
}

struct Host {
    system: System,
    running: RunningSystem,
    accept: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    /// Cancelled when the host fails, which breaks its connections.
    killed: CancellationToken,
}

impl Network {
    /// Connects the host `from`, until it is `killed`, to the one at `address`.
    async fn connect(
        self,
        from: NodeId,
        killed: CancellationToken,
        address: SocketAddr,
    ) -> io::Result<DuplexStream> {
        let to = id_at(address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        self.cables.open(&[(from, to), (to, from)]).await;
        let (client, server, carrying) = self.cables.connection((from, to));
        let other_killed = {
            let hosts = self.hosts();
            let host = hosts.get(&to).ok_or(io::ErrorKind::ConnectionRefused)?;
            let sent = host.accept.send(Ok(server));
            sent.map_err(|_| io::ErrorKind::ConnectionRefused)?;
            host.killed.clone()
        };
        tokio::spawn(async move {
            tokio::select! {
                // In this order, so that nothing arrives once a host has failed.
                biased;
                () = killed.cancelled() => {}
                () = other_killed.cancelled() => {}
                () = carrying => {}
            }
        });
        Ok(client)
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<NodeId, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
