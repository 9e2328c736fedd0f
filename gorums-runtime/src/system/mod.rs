//! Systems of peers: processes that serve each other and call each other.
//!
//! Owns who is a member, and a process's connection to itself. Imports `manager` and `server`, which it puts together,
//! and what is below them. Does not know which calls are made.

mod builder;
mod client;
mod error;
mod running;
#[cfg(feature = "_tls-any")]
mod tls;
#[cfg(unix)]
mod unix;

pub use builder::SystemBuilder;
pub use error::SystemError;
pub use running::RunningSystem;

#[cfg(feature = "_tls-any")]
use tls::SystemTls;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::clients::Clients;
use crate::configuration::{Configuration, ConfigurationError, Membership};
use crate::identity::NodeId;
use crate::manager::{Manager, ManagerError};
use crate::node::Node;
use crate::node_info::Connectivity;
use crate::node_stream::ReverseService;
use crate::server::accepting::Incoming;
use crate::server::handler::Members;
use crate::server::server::Server;
use crate::support::Pipe;
#[cfg(feature = "_tls-any")]
use crate::tls::Credentials;

/// One process of a system of peers, which serve each other and call each other: a [`Manager`] and a [`Server`] that
/// know who is a member.
///
/// A cheap handle: clones are the same system.
///
/// * **Membership** is fixed until it is changed. [`configuration`](Self::configuration) has all members, this process
///   included, whether they are connected or not: a majority is a majority of the members. A member that is down fails
///   with `Unavailable` in each call.
/// * **Connectivity** is separate. All members are connected in the background, in whatever order they start, and
///   connected again after a failure; [`connectivity`](Self::connectivity) reports the state and its changes.
/// * **Identity**: members introduce themselves when they call and when they are called. A handler gets the id of a
///   calling member from [`Context::peer`](crate::Context::peer). A member that answers with another id than expected is
///   refused. Without TLS a claimed id is believed; with `SystemBuilder::tls` it is proved by a certificate. If two
///   processes claim one id, the newer one is believed, and the older one's stream ends.
/// * **Clients** that accept calls can be called, too, without an address of their own: [`clients`](Self::clients).
/// * **Calls to itself** do not use the network. They keep all rules of other calls: order, deadlines, bounds.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::System;
/// use register::ReadRequest;
/// use register::register_gorums::{RegisterConfiguration, RegisterReplicaServer};
///
/// let members = [(1, "10.0.0.1:4000"), (2, "10.0.0.2:4000"), (3, "10.0.0.3:4000")];
/// let system = System::builder(1, members).bind().await?;
/// let register = RegisterConfiguration::new(system.configuration());
/// let running = system.serve(RegisterReplicaServer::new(replica))?;
///
/// system.connectivity().wait_for(2).await?;
/// for node in register.nodes() {
///     println!("{}: {:?}", node.id(), node.read_no_qc(ReadRequest {}).await);
/// }
/// running.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct System(Arc<SystemParts>);

struct SystemParts {
    id: NodeId,
    address: Option<SocketAddr>,
    manager: Manager,
    members: Members,
    /// Held while members are added, moved and removed.
    changing: Mutex<()>,
    clients: Clients,
    /// Serves the calls that members make to this process on the streams that it opens.
    reverse: ReverseService,
    #[cfg(feature = "_tls-any")]
    tls: Option<SystemTls>,
    /// `None` once the system serves.
    unserved: Mutex<Option<Unserved>>,
}

/// What waits to be served.
struct Unserved {
    incoming: Incoming,
    /// The process's connections to itself.
    pipes: mpsc::UnboundedReceiver<Pipe>,
}

impl System {
    /// Sets up the process with the id `id` in a system of `members`, each with its id and address (`host:port`). The
    /// process itself is one of them.
    ///
    /// All members have to be given the same ids and addresses. Ids are from 1 on.
    pub fn builder<I: Into<NodeId>, A: Into<String>>(
        id: impl Into<NodeId>,
        members: impl IntoIterator<Item = (I, A)>,
    ) -> SystemBuilder {
        let members = members.into_iter();
        let members = members.map(|(id, address)| (id.into(), address.into()));
        SystemBuilder::new(id.into(), members.collect())
    }

    fn new(parts: SystemParts) -> Self {
        Self(Arc::new(parts))
    }

    /// This process's id.
    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// The address that this process listens on. `None` if that is a Unix socket, or if it was given its connections by
    /// [`SystemBuilder::accept`].
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// The connections to the members.
    pub fn manager(&self) -> &Manager {
        &self.0.manager
    }

    /// The configuration of all members that there are now, this process included, connected or not.
    pub fn configuration(&self) -> Configuration {
        self.0.manager.configuration()
    }

    /// All members that there are at the time of each call, for services that follow those that are added and removed;
    /// see [`Membership`].
    pub fn membership(&self) -> Membership {
        self.0.manager.membership()
    }

    /// The configuration of all members but this process.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Empty`] if there are no others.
    pub fn others(&self) -> Result<Configuration, ConfigurationError> {
        self.configuration().without([self.id()])
    }

    /// Which members are connected now, this process included once it serves; see [`Connectivity`].
    pub fn connectivity(&self) -> Connectivity {
        self.0.manager.connectivity()
    }

    /// The clients that accept calls from this process and are connected now; see [`Clients`].
    pub fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// Adds a member. It is connected in the background. Configurations that exist do not change:
    /// [`configuration`](Self::configuration) has the member from now on. Only this process learns of it; how all
    /// members come to agree on a new set is up to the protocol that they run.
    ///
    /// # Errors
    ///
    /// Those of [`Manager::add_node`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn add_member(&self, id: impl Into<NodeId>, address: &str) -> Result<Node, ManagerError> {
        let _changing = self.change();
        let node = self.0.manager.add_node(id.into(), address)?;
        self.0.members.add(&node.info().address());
        Ok(node)
    }

    /// Moves a member to another `address` (`host:port`), where it is connected from now on. Its id and its streams to this
    /// process stay, and so do the configurations that have it. Only this process learns of it.
    ///
    /// # Errors
    ///
    /// Those of [`Manager::set_address`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn replace_address(
        &self,
        id: impl Into<NodeId>,
        address: &str,
    ) -> Result<(), ManagerError> {
        let id = id.into();
        let _changing = self.change();
        self.0.manager.set_address(id, address)?;
        let node = self.0.manager.node(id)?;
        self.0.members.add(&node.info().address());
        Ok(())
    }

    /// Removes a member. Its streams are closed in both directions, and calls on it fail with `Unavailable`.
    /// Configurations that have the member keep it, as one that fails. Its id can be added again.
    ///
    /// # Errors
    ///
    /// If there is no such member.
    pub fn remove_member(&self, id: impl Into<NodeId>) -> Result<(), ManagerError> {
        let id = id.into();
        let _changing = self.change();
        self.0.manager.remove_node(id)?;
        self.0.members.remove(id);
        Ok(())
    }

    /// Makes these the members, each with its id and address (`host:port`), in one step: adds, moves and removes what is
    /// needed. For protocols that agree on whole sets of members, and call this with each of them.
    ///
    /// This process is a member of the new set only if it is given. Only this process learns of the change.
    ///
    /// # Errors
    ///
    /// Those of [`Manager::set_nodes`]. Nothing changes then.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn set_members<I: Into<NodeId>, A: AsRef<str>>(
        &self,
        members: impl IntoIterator<Item = (I, A)>,
    ) -> Result<(), ManagerError> {
        let members = members.into_iter();
        let members: Vec<_> = members.map(|(id, address)| (id.into(), address)).collect();
        let _changing = self.change();
        let changes = self.0.manager.change_to(members)?;
        for node in changes.changed {
            self.0.members.add(&node.info().address());
        }
        for id in changes.removed {
            self.0.members.remove(id);
        }
        Ok(())
    }

    /// Keeps other changes of the members out, so that manager and server have the same.
    fn change(&self) -> MutexGuard<'_, ()> {
        let changing = self.0.changing.lock();
        changing.unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the certificate, the private key and the authorities that were given to [`SystemBuilder::tls`], for all
    /// connections that are made from now on, in both directions. Connections that exist go on, so no call is lost.
    ///
    /// To change the authority, first give all members credentials that trust both, then certificates of the new one,
    /// then credentials that trust the new one alone.
    ///
    /// # Errors
    ///
    /// If the certificate does not prove this process's id, there is no certificate or no authority, or the system does not use
    /// TLS. The credentials stay as they are then.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn replace_credentials(&self, credentials: Credentials) -> Result<(), SystemError> {
        let tls = self.0.tls.as_ref().ok_or(SystemError::NoTls)?;
        tls.check(&credentials, self.manager(), self.id())?;
        tls.credentials().replace(credentials)?;
        Ok(())
    }

    /// Serves `services` in the background, on the current tokio runtime: one
    /// [`ReplicaServer`](crate::server::ReplicaServer), a [`Router`](crate::server::Router) of several services, or a
    /// [`Server`] with options of its own.
    ///
    /// # Errors
    ///
    /// [`SystemError::ServesAlready`] at the second call.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn serve(&self, services: impl Into<Server>) -> Result<RunningSystem, SystemError> {
        let unserved = self.unserved().take();
        let Unserved { incoming, pipes } = unserved.ok_or(SystemError::ServesAlready)?;
        let SystemParts {
            manager,
            members,
            clients,
            reverse,
            ..
        } = &*self.0;
        let server = services.into().clients(clients.clone());
        #[cfg(feature = "_tls-any")]
        let server = match &self.0.tls {
            Some(tls) => server.with_credentials(tls.credentials().clone()),
            None => server,
        };
        reverse.begin(server.reverse_server());
        Ok(RunningSystem::start(
            manager.clone(),
            reverse.clone(),
            server.join(members.clone()),
            incoming,
            pipes,
        ))
    }

    fn unserved(&self) -> MutexGuard<'_, Option<Unserved>> {
        let unserved = self.0.unserved.lock();
        unserved.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("id", &self.id())
            .field("address", &self.address())
            .field("members", &self.configuration())
            .finish_non_exhaustive()
    }
}
