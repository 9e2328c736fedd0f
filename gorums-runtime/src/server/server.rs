//! A server of replicas.

use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tonic::transport::server::Connected;

use super::bound::BoundServer;
use super::error::ServerError;
use super::recommended::recommended_server;
use super::router::Router;
use super::services::{Services, Standard};
use super::serving::Serving;
/// Serves replicas, on node streams and over plain gRPC, and other gRPC services beside them.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
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
    grace: Duration,
    handshake_timeout: Duration,
    max_connections: usize,
    standard: Standard,
}

impl Server {
    /// How long calls that are under way may go on when the server shuts down, unless [`grace`](Self::grace) says
    /// otherwise.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

    /// How long a client may take for the handshakes of TLS and HTTP/2, unless
    /// [`handshake_timeout`](Self::handshake_timeout) says otherwise.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// A server of `services`: one [`ReplicaServer`](crate::server::ReplicaServer), or a [`Router`] of several services.
    pub fn new(services: impl Into<Router>) -> Self {
        Self {
            router: services.into(),
            transport: recommended_server(tonic::transport::Server::builder()),
            grace: Self::DEFAULT_GRACE,
            handshake_timeout: Self::DEFAULT_HANDSHAKE_TIMEOUT,
            max_connections: usize::MAX,
            standard: Standard::default(),
        }
    }

    /// Serves by TLS alone, as `identity`; without this in the clear. With a
    /// [`client_ca_root`](tonic::transport::ServerTlsConfig::client_ca_root) in `tls`, clients have to present a
    /// certificate that this authority signed, which handlers find in their [`Context`](crate::Context). Needs one of
    /// the crate's features `tls-ring` and `tls-aws-lc`. Unless the process has chosen a
    /// [provider of cryptography](https://docs.rs/rustls/0.23/rustls/crypto/struct.CryptoProvider.html) by then, this
    /// chooses ring's, if that feature is on, or else that of AWS.
    ///
    /// ```no_run
    /// # fn example(router: gorums_runtime::server::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// use gorums_runtime::Server;
    /// use gorums_runtime::tonic::transport::{Certificate, Identity, ServerTlsConfig};
    ///
    /// let identity = Identity::from_pem(std::fs::read("replica.pem")?, std::fs::read("replica.key")?);
    /// let authority = Certificate::from_pem(std::fs::read("ca.pem")?);
    /// let server = Server::new(router)
    ///     .tls(identity, ServerTlsConfig::new().client_ca_root(authority))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a certificate or the key is not valid.
    #[cfg(feature = "_tls-any")]
    pub fn tls(
        mut self,
        identity: tonic::transport::Identity,
        tls: tonic::transport::ServerTlsConfig,
    ) -> Result<Self, ServerError> {
        choose_cryptography();
        let configured = self.transport.tls_config(tls.identity(identity));
        self.transport = configured.map_err(ServerError::Tls)?;
        Ok(self)
    }

    /// Sets what else tonic's server offers, on top of what [`recommended_server`](crate::server::recommended_server) sets.
    ///
    /// tonic's `timeout` bounds plain gRPC calls only: a node stream is one call to tonic, which answers it at once.
    /// Use [`ReplicaServer::timeout`](crate::server::ReplicaServer::timeout), which bounds the handlers of both.
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

    /// Sends a ping on each connection on which nothing has arrived for `interval`, and closes those on which the answer
    /// takes longer than `timeout`, so that clients that have died are noticed: 10 s and 5 s unless this says otherwise.
    pub fn keep_alive(self, interval: Duration, timeout: Duration) -> Self {
        self.configure(|server| {
            server
                .http2_keepalive_interval(Some(interval))
                .http2_keepalive_timeout(Some(timeout))
        })
    }

    /// Sends no pings. A client that dies without closing its connection keeps it, and its node stream, for ever.
    pub fn without_keep_alive(self) -> Self {
        self.configure(|server| server.http2_keepalive_interval(None))
    }

    /// How long a client may take for the handshakes of TLS and HTTP/2, from when its connection is accepted: 10 s unless
    /// this says otherwise. Then the connection is closed.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many connections the server may have at once: any number unless this says otherwise. Further ones are closed
    /// as soon as they are accepted. Choose fewer than the process may have descriptors.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long calls that are under way may go on when the server shuts down. The connections of those that take
    /// longer are closed.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Also serves the standard health service: every service of the server is reported as serving, and as not
    /// serving once the server shuts down.
    #[cfg(feature = "health")]
    pub fn health(mut self) -> Self {
        self.standard.health = true;
        self
    }

    /// Also serves the standard reflection service, which tells clients such as grpcurl of the services in
    /// `descriptor_set`: an encoded `FileDescriptorSet` with all imports, as `protoc --include_imports
    /// --descriptor_set_out=FILE` and `gorums_build` write it.
    #[cfg(feature = "reflection")]
    pub fn reflection(mut self, descriptor_set: impl Into<Vec<u8>>) -> Self {
        self.standard.descriptor_sets.push(descriptor_set.into());
        self
    }

    /// Listens on `address` (`host:port`; port 0 takes a free one). Clients can connect from then on; they are served
    /// when the returned server is.
    ///
    /// # Errors
    ///
    /// When the address is not valid or in use.
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

    /// Serves on `address` (`host:port`) for as long as the future is polled.
    ///
    /// # Errors
    ///
    /// When the address is not valid or in use, or when the server breaks.
    pub async fn serve(self, address: impl Into<String>) -> Result<(), ServerError> {
        self.bind(address).await?.serve().await
    }

    /// Serves the connections of `incoming`, which need not be TCP, until `stop` completes or there are no more of
    /// them; then shuts down as [`BoundServer::serve_until`] does.
    ///
    /// # Errors
    ///
    /// When the server breaks.
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
        self.into_serving().await?.serve(incoming, stop).await
    }

    pub(super) async fn into_serving(self) -> Result<Serving, ServerError> {
        Ok(Serving {
            transport: self.transport,
            services: Services::new(self.router, self.standard).await?,
            grace: self.grace,
            handshake_timeout: self.handshake_timeout,
            max_connections: self.max_connections,
        })
    }
}

/// Chooses the cryptography of the process, unless that is done: rustls panics if it is built with two kinds and nobody
/// has chosen, and a dependency may well have enabled the other.
#[cfg(feature = "_tls-any")]
fn choose_cryptography() {
    use rustls::crypto::CryptoProvider;
    #[cfg(not(feature = "tls-ring"))]
    use rustls::crypto::aws_lc_rs::default_provider;
    #[cfg(feature = "tls-ring")]
    use rustls::crypto::ring::default_provider;

    if CryptoProvider::get_default().is_none() {
        // Another thread may have been faster.
        let _ = default_provider().install_default();
    }
}
