//! How a system comes to be.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;

use futures::{Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::error::SystemError;
#[cfg(feature = "_tls-any")]
use super::tls::SystemTls;
use super::{System, SystemParts, Unserved};
use crate::clients::Clients;
use crate::connection::Connector;
use crate::identity::{Introduction, NodeId};
use crate::manager::{Manager, ManagerBuilder};
use crate::node_stream::ReverseService;
use crate::server::accepting::Incoming;
use crate::server::error::ServerError;
use crate::server::handler::Members;
use crate::support::Pipe;
use crate::support::{BoxedConnection, Connection};
#[cfg(feature = "_tls-any")]
use crate::tls::{Credentials, PeerCertificate, Proof};

/// Sets up a [`System`].
#[must_use = "a builder does nothing until it binds"]
pub struct SystemBuilder {
    id: NodeId,
    members: Vec<(NodeId, String)>,
    listen: Option<String>,
    cluster: Option<String>,
    manager: ManagerBuilder,
    #[cfg(feature = "_tls-any")]
    credentials: Option<Credentials>,
    #[cfg(feature = "_tls-any")]
    proof: Proof,
}

impl SystemBuilder {
    pub(super) fn new(id: NodeId, members: Vec<(NodeId, String)>) -> Self {
        Self {
            id,
            members,
            listen: None,
            cluster: None,
            manager: Manager::builder(),
            #[cfg(feature = "_tls-any")]
            credentials: None,
            #[cfg(feature = "_tls-any")]
            proof: Proof::default(),
        }
    }

    /// Listens on `address` (`host:port`, or on Unix `unix:PATH`) instead of the address that the members have for this process, such as
    /// `0.0.0.0:4000` behind a load balancer. Port 0 takes a free one.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Names the cluster that the members belong to. Members of clusters with other names are refused, in both
    /// directions, with an error that has both names. Peers that name no cluster are not. 1 to 128 visible ASCII
    /// characters.
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = Some(name.into());
        self
    }

    /// Encrypts all connections, and makes members prove their ids: a process is a member only with a certificate that
    /// one of the authorities in `credentials` signed, and that proves its id.
    ///
    /// * A certificate with a URI `gorums://node/<id>` among its subject's alternative names proves that id, and no
    ///   other.
    /// * A certificate without such a URI proves the id of a member if the host of the member's address is among its
    ///   DNS names or IP addresses. Wildcards do not count. Members that share a host can pass for each other.
    /// * [`identify_by`](Self::identify_by) sets another rule.
    ///
    /// A client that claims the id of a member without proof is refused with `PermissionDenied`, which says what it
    /// claims and what its certificate proves; see the events of [`telemetry`](crate::telemetry). A member that answers
    /// without proof is not connected, and calls on it fail with `Unavailable`. Clients without an id need a
    /// certificate of one of the authorities, too, whatever it proves.
    ///
    /// This replaces the TLS of [`manager`](Self::manager) and of the [`Server`](crate::Server) that the system serves.
    /// Certificates are replaced while the system runs by
    /// [`System::replace_credentials`](crate::System::replace_credentials). Needs the crate's feature `tls-ring` or
    /// `tls-aws-lc`.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn tls(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Decides by `rule` which id a certificate proves, in place of the rules of [`tls`](Self::tls). `None` is none.
    ///
    /// The certificate is verified: only what its names mean is to be decided. The rule is called for each connection,
    /// and for each plain gRPC call of a member. If it panics, the certificate proves nothing.
    ///
    /// ```
    /// # fn example(builder: gorums_runtime::SystemBuilder) -> gorums_runtime::SystemBuilder {
    /// use gorums_runtime::NodeId;
    ///
    /// // SPIFFE ids such as spiffe://example.com/storage/3.
    /// builder.identify_by(|certificate| {
    ///     let mut uris = certificate.uris().iter();
    ///     let id = uris.find_map(|uri| uri.strip_prefix("spiffe://example.com/storage/"))?;
    ///     id.parse().ok().map(NodeId::new)
    /// })
    /// # }
    /// ```
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn identify_by(
        mut self,
        rule: impl Fn(&PeerCertificate) -> Option<NodeId> + Send + Sync + 'static,
    ) -> Self {
        self.proof = Proof::Rule(std::sync::Arc::new(rule));
        self
    }

    /// Sets options of the calls and connections to the members; see [`ManagerBuilder`].
    ///
    /// Nodes that are added here are ignored: the members are the nodes. A connector, TLS and pings do not apply to the
    /// process's calls to itself.
    ///
    /// ```
    /// # fn example(builder: gorums_runtime::SystemBuilder) -> gorums_runtime::SystemBuilder {
    /// use gorums_runtime::Transport;
    ///
    /// builder.manager(|manager| manager.transport(Transport::Grpc))
    /// # }
    /// ```
    pub fn manager(mut self, configure: impl FnOnce(ManagerBuilder) -> ManagerBuilder) -> Self {
        self.manager = configure(self.manager);
        self
    }

    /// Listens, and starts to connect to all members in the background. They may be down. Calls of others wait until
    /// the system [serves](System::serve).
    ///
    /// # Errors
    ///
    /// If the process is not among the members, an address is not valid or given twice, the process cannot listen on
    /// its address, or its own certificate does not prove its id.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn bind(self) -> Result<System, SystemError> {
        let own = self.members.iter().find(|(id, _)| *id == self.id);
        let own = own.map(|(_, address)| address.clone());
        let address = self
            .listen
            .clone()
            .or(own)
            .ok_or_else(|| self.not_a_member())?;
        #[cfg(unix)]
        if let Some(path) = address.strip_prefix("unix:") {
            let sockets = super::unix::listen(path).await;
            let sockets = sockets.map_err(|source| {
                let address = address.clone();
                ServerError::Bind { address, source }
            })?;
            return self.build(None, Incoming::Connections(sockets)).await;
        }
        let listener = TcpListener::bind(address.as_str()).await;
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|source| ServerError::Bind { address, source })?;
        self.build(Some(address), Incoming::Tcp(listener)).await
    }

    /// Like [`bind`](Self::bind), but accepts the connections of `incoming`, which need not be TCP, in place of
    /// listening on an address. With a [connector](ManagerBuilder::connector) for the way out, a system runs on any
    /// network, such as a simulated one.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn accept<C: Connection>(
        self,
        incoming: impl Stream<Item = io::Result<C>> + Send + 'static,
    ) -> Result<System, SystemError> {
        let incoming = incoming.map(|accepted| accepted.map(|it| Box::pin(it) as BoxedConnection));
        self.build(None, Incoming::Connections(incoming.boxed()))
            .await
    }

    async fn build(
        self,
        address: Option<SocketAddr>,
        incoming: Incoming,
    ) -> Result<System, SystemError> {
        if !self.members.iter().any(|(id, _)| *id == self.id) {
            return Err(self.not_a_member());
        }
        let introduction = match Introduction::new(self.id, self.cluster.as_deref()) {
            Some(introduction) => introduction,
            None => {
                return Err(SystemError::InvalidCluster {
                    name: self.cluster.unwrap_or_default(),
                });
            }
        };
        let (pipes, itself) = itself();
        let ids = self.members.iter().map(|(id, _)| *id);
        let reverse = ReverseService::default();
        let clients = Clients::of_system(ids.clone(), self.manager.clone().without_nodes());
        let options = self.manager.without_nodes();
        #[cfg(feature = "_tls-any")]
        let tls = self.credentials.map(|it| SystemTls::new(it, self.proof));
        #[cfg(feature = "_tls-any")]
        let tls = tls.transpose()?;
        #[cfg(feature = "_tls-any")]
        let options = match &tls {
            Some(tls) => options.members_tls(tls.dialled()),
            None => options,
        };
        let manager = self
            .members
            .into_iter()
            .fold(options, |manager, (id, address)| manager.node(id, address))
            .member(introduction.clone(), itself)
            .reverse_service(reverse.clone())
            .connect_lazy()
            .await?;
        #[cfg(feature = "_tls-any")]
        if let Some(tls) = &tls {
            tls.check(&tls.credentials().current(), &manager, self.id)?;
        }
        let members = Members::of_system(
            introduction,
            manager.membership(),
            manager.nodes().map(|node| node.info().address()),
            #[cfg(feature = "_tls-any")]
            tls.as_ref().map(SystemTls::proof),
        );
        Ok(System::new(SystemParts {
            id: self.id,
            address,
            manager,
            members,
            changing: Mutex::default(),
            clients,
            reverse,
            #[cfg(feature = "_tls-any")]
            tls,
            unserved: Mutex::new(Some(Unserved { incoming, pipes })),
        }))
    }

    fn not_a_member(&self) -> SystemError {
        SystemError::NotAMember {
            node_id: self.id,
            members: self.members.iter().map(|(id, _)| *id).collect(),
        }
    }
}

/// Creates what connects the process to itself, and what accepts these connections.
fn itself() -> (mpsc::UnboundedReceiver<Pipe>, Connector) {
    // As many wait as there are connections: one per transport.
    let (accept, accepted) = mpsc::unbounded_channel();
    let connector = Connector::new(move |_| {
        let (client, server) = Pipe::pair();
        let sent = accept.send(server).map(|()| client);
        let connected = sent.map_err(|_| {
            io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "the system has been stopped",
            )
        });
        std::future::ready(connected)
    });
    (accepted, connector)
}

impl fmt::Debug for SystemBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemBuilder")
            .field("id", &self.id)
            .field("members", &self.members)
            .field("listen", &self.listen)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}
