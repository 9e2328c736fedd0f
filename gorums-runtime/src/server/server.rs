//! The [`Server`], and how it is set up.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tonic::transport::server::Connected;

use super::accepting::{Incoming, incoming};
use super::bound::BoundServer;
use super::error::ServerError;
#[cfg(feature = "health")]
use super::health::Health;
use super::recommended::recommended_server;
use super::replica_server::{ReplicaServer, ServiceName};
use super::router::Router;
use super::services::{Services, Standard};
use super::serving::Serving;
use crate::clients::Clients;
use crate::node_stream::ReverseServer;
use crate::server::handler::{Members, ServerInterceptor};
use crate::support::Pipe;
#[cfg(feature = "_tls-any")]
use crate::tls::RotatingCredentials;

/// Serves replicas over node streams and plain gRPC, with other gRPC services beside them.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), gorums_runtime::errors::ServerError> {
/// use gorums_runtime::Server;
/// use register::register_gorums::RegisterReplicaServer;
///
/// let server = Server::new(RegisterReplicaServer::new(replica)).bind("127.0.0.1:0").await?;
/// println!("serving on {}", server.address());
/// server.serve_until(async { drop(tokio::signal::ctrl_c().await) }).await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a server does nothing until it serves"]
pub struct Server {
    router: Router,
    transport: tonic::transport::Server,
    #[cfg(feature = "_tls-any")]
    tls: Option<RotatingCredentials>,
    grace: Duration,
    handshake_timeout: Duration,
    max_connections: usize,
    standard: Standard,
}

impl Server {
    /// How long a server that shuts down lets calls in flight go on, unless [`grace`](Self::grace) sets another time.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

    /// How long a client may take for the TLS and HTTP/2 handshakes, unless
    /// [`handshake_timeout`](Self::handshake_timeout) sets another time.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// Creates a server of `services`: one [`ReplicaServer`](crate::server::ReplicaServer), or a [`Router`] of several
    /// services.
    pub fn new(services: impl Into<Router>) -> Self {
        Self {
            router: services.into(),
            transport: recommended_server(tonic::transport::Server::builder()),
            #[cfg(feature = "_tls-any")]
            tls: None,
            grace: Self::DEFAULT_GRACE,
            handshake_timeout: Self::DEFAULT_HANDSHAKE_TIMEOUT,
            max_connections: usize::MAX,
            standard: Standard::default(),
        }
    }

    /// Accepts TLS connections only, and presents the certificate in `credentials`. Without this call, connections are not
    /// encrypted. If the credentials have authorities, clients have to present a certificate that one of them has signed,
    /// unless it is [optional](crate::CredentialsBuilder::optional_client_certificates); handlers find it in their
    /// [`Context`](crate::Context::peer_certificates). [`RotatingCredentials`] can be replaced while the server uses them.
    ///
    /// A client whose handshake fails is reported by an event; see [`telemetry`](crate::telemetry). Needs the crate's feature
    /// `tls-ring` or `tls-aws-lc`.
    ///
    /// ```no_run
    /// # fn example(router: gorums_runtime::server::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// use gorums_runtime::{Credentials, Server};
    ///
    /// let [certificate, key, authorities] = ["replica.pem", "replica.key", "ca.pem"].map(std::fs::read);
    /// let credentials = Credentials::from_pem(certificate?, key?, authorities?)?;
    /// let server = Server::new(router).tls(credentials)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the credentials have no certificate.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn tls(mut self, credentials: impl Into<RotatingCredentials>) -> Result<Self, ServerError> {
        let credentials = credentials.into();
        credentials.current().check_server()?;
        self.tls = Some(credentials);
        Ok(self)
    }

    /// Uses the credentials of a system, which have been checked.
    #[cfg(feature = "_tls-any")]
    pub(crate) fn with_credentials(mut self, credentials: RotatingCredentials) -> Self {
        self.tls = Some(credentials);
        self
    }

    /// Sets any other option of tonic's server, on top of those that
    /// [`recommended_server`](crate::server::recommended_server) sets. For TLS, there is `tls`.
    ///
    /// tonic's `timeout` bounds plain gRPC calls only, because tonic sees a node stream as one call that is answered at
    /// once. [`ReplicaServer::timeout`](crate::server::ReplicaServer::timeout) bounds the handlers of both transports.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(router: gorums_runtime::server::Router) -> gorums_runtime::Server {
    /// gorums_runtime::Server::new(router)
    ///     .configure(|server| server.max_connection_age(Duration::from_secs(3600)))
    /// # }
    /// ```
    pub fn configure(
        mut self,
        configure: impl FnOnce(tonic::transport::Server) -> tonic::transport::Server,
    ) -> Self {
        self.transport = configure(self.transport);
        self
    }

    /// Pings each connection that has been silent for `interval`, and closes it if the answer takes longer than
    /// `timeout`. The server thus notices clients that have died. The defaults are 10 s and 5 s.
    pub fn keep_alive(self, interval: Duration, timeout: Duration) -> Self {
        self.configure(|server| {
            server
                .http2_keepalive_interval(Some(interval))
                .http2_keepalive_timeout(Some(timeout))
        })
    }

    /// Turns pings off. If a client dies without closing its connection, the server keeps that connection and its node
    /// stream for ever.
    pub fn without_keep_alive(self) -> Self {
        self.configure(|server| server.http2_keepalive_interval(None))
    }

    /// Sets how long a client may take for the TLS and HTTP/2 handshakes after the server has accepted its connection.
    /// A connection that takes longer is closed. The default is 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Limits the connections that the server has open at once. It accepts and immediately closes further ones. There
    /// is no limit by default; choose one below the process's limit on file descriptors.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets how long a server that shuts down lets calls in flight go on. Then it closes their connections. The default
    /// is 10 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Also serves gRPC's health service, which reports `health`. Needs the crate's feature `health`.
    #[cfg(feature = "health")]
    pub fn health(mut self, health: &Health) -> Self {
        self.standard.health = Some(health.clone());
        self
    }

    /// Also serves gRPC's reflection service, which describes the services in `descriptor_set` to clients such as
    /// grpcurl. The set is an encoded `FileDescriptorSet` with all imports. `gorums_build` writes one, and so does
    /// `protoc --include_imports --descriptor_set_out=FILE`.
    #[cfg(feature = "reflection")]
    pub fn reflection(mut self, descriptor_set: impl Into<Vec<u8>>) -> Self {
        self.standard.descriptor_sets.push(descriptor_set.into());
        self
    }

    /// Limits the size of messages, on both transports; see [`Router::max_message_size`].
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.router = self.router.max_message_size(bytes);
        self
    }

    /// Adds the clients that [accept calls](crate::ManagerBuilder::serve) to `clients` while they are connected, so that
    /// this process can call them.
    pub fn clients(mut self, clients: Clients) -> Self {
        self.router = self.router.clients(clients);
        self
    }

    /// Puts `interceptor` around the calls of all replicas, inside of those that were added before; see
    /// [`ServerInterceptor`].
    pub fn intercept(mut self, interceptor: impl ServerInterceptor) -> Self {
        self.router = self.router.intercept(interceptor);
        self
    }

    /// Measures the calls of all replicas; see [`metrics`](crate::metrics). Needs the crate's feature `metrics`.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: &crate::metrics::Metrics) -> Self {
        self.router = self.router.metrics(metrics);
        self
    }

    /// Serves the calls that nodes make to this process as their client.
    pub(crate) fn reverse_server(&self) -> Arc<dyn ReverseServer> {
        self.router.reverse_server()
    }

    /// How long calls in flight may go on when the server shuts down.
    pub(crate) fn grace_period(&self) -> Duration {
        self.grace
    }

    /// Makes the server one of a system, whose members it knows.
    pub(crate) fn join(mut self, members: Members) -> Self {
        self.router = self.router.join(members);
        self
    }

    /// Serves `connections`, and those of `pipes`, by which the process calls itself. Otherwise like
    /// [`BoundServer::serve_until`].
    pub(crate) async fn serve_system(
        self,
        connections: Incoming,
        pipes: impl Stream<Item = Pipe> + Send,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServerError> {
        let serving = self.into_serving().await?;
        match connections {
            Incoming::Tcp(listener) => serving.serve(incoming(listener), pipes, stop).await,
            Incoming::Connections(connections) => serving.serve(connections, pipes, stop).await,
        }
    }

    /// Listens on `address` (`host:port`; port 0 takes a free one). From then on, clients that connect wait until the returned
    /// server serves.
    ///
    /// # Errors
    ///
    /// If the address is not valid or already in use.
    pub async fn bind(self, address: impl Into<String>) -> Result<BoundServer, ServerError> {
        let address = address.into();
        let bound = async {
            let listener = TcpListener::bind(address.as_str()).await?;
            let local = listener.local_addr()?;
            Ok((listener, local))
        };
        match bound.await {
            Ok((listener, local)) => Ok(BoundServer::new(self, listener, local)),
            Err(source) => Err(ServerError::Bind { address, source }),
        }
    }

    /// Serves on `address` (`host:port`) while the returned future is polled.
    ///
    /// # Errors
    ///
    /// If the address is not valid or already in use, or if the server fails.
    pub async fn serve(self, address: impl Into<String>) -> Result<(), ServerError> {
        self.bind(address).await?.serve().await
    }

    /// Serves the connections of `incoming`, which need not be TCP, until `stop` completes or `incoming` ends. Then
    /// shuts down as [`BoundServer::serve_until`] does.
    ///
    /// # Errors
    ///
    /// If the server fails.
    pub async fn serve_connections<C, E>(
        self,
        incoming: impl Stream<Item = Result<C, E>> + Send,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServerError>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        C::ConnectInfo: Clone + Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let pipes = futures::stream::empty();
        self.into_serving()
            .await?
            .serve(incoming, pipes, stop)
            .await
    }

    pub(super) async fn into_serving(self) -> Result<Serving, ServerError> {
        Ok(Serving {
            transport: self.transport,
            #[cfg(feature = "_tls-any")]
            tls: self.tls,
            services: Services::new(self.router, self.standard).await?,
            grace: self.grace,
            handshake_timeout: self.handshake_timeout,
            max_connections: self.max_connections,
        })
    }
}

impl From<Router> for Server {
    fn from(router: Router) -> Self {
        Self::new(router)
    }
}

impl<S: ServiceName> From<ReplicaServer<S>> for Server {
    fn from(replica: ReplicaServer<S>) -> Self {
        Self::new(replica)
    }
}
