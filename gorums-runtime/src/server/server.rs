//! A server of replicas.

use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tonic::transport::server::{Connected, TcpIncoming};

use super::bound::BoundServer;
use super::serving::serve;
use super::{Router, ServerError};
use crate::grpc::MAX_FRAME;

/// How many calls a connection remembers that were withdrawn before their handler was started.
///
/// A server that has more of them closes the connection, as it would that of an attacker. HTTP/2's default is 20, which
/// a burst of withdrawn calls exceeds at once.
const REMEMBERED_RESETS: usize = 16_384;

/// How many calls of one client may be under way. hyper's default is 200, so that as many calls whose handlers wait
/// would keep all others from being started.
const CONCURRENT_CALLS: u32 = 65_536;

/// Serves replicas, on node streams and over plain gRPC, and other gRPC services beside them.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), gorums_runtime::ServerError> {
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
    pub(super) router: Router,
    pub(super) transport: tonic::transport::Server,
    pub(super) grace: Duration,
    #[cfg(feature = "health")]
    pub(super) health: bool,
    #[cfg(feature = "reflection")]
    pub(super) descriptor_sets: Vec<Vec<u8>>,
}

impl Server {
    /// How long calls that are under way may go on when the server shuts down, unless [`grace`](Self::grace) says
    /// otherwise.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

    /// A server of `services`: one [`ReplicaServer`](crate::ReplicaServer), or a [`Router`] of several services.
    pub fn new(services: impl Into<Router>) -> Self {
        let transport = tonic::transport::Server::builder()
            .max_frame_size(MAX_FRAME)
            .http2_max_pending_accept_reset_streams(Some(REMEMBERED_RESETS))
            .max_concurrent_streams(CONCURRENT_CALLS);
        Self {
            router: services.into(),
            transport,
            grace: Self::DEFAULT_GRACE,
            #[cfg(feature = "health")]
            health: false,
            #[cfg(feature = "reflection")]
            descriptor_sets: Vec::new(),
        }
    }

    /// Serves by TLS alone, as `identity`; without this in the clear. With a
    /// [`client_ca_root`](tonic::transport::ServerTlsConfig::client_ca_root) in `tls`, clients have to present a
    /// certificate that this authority signed, which handlers find in their [`Context`](crate::Context). Needs one of
    /// the crate's features `tls-ring` and `tls-aws-lc`.
    ///
    /// ```no_run
    /// # fn example(router: gorums_runtime::Router) -> Result<(), Box<dyn std::error::Error>> {
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
        let configured = self.transport.tls_config(tls.identity(identity));
        self.transport = configured.map_err(ServerError::Tls)?;
        Ok(self)
    }

    /// Sets what else tonic's server offers: keep-alive, limits, timeouts.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(router: gorums_runtime::Router) -> gorums_runtime::Server {
    /// gorums_runtime::Server::new(router)
    ///     .configure(|server| server.http2_keepalive_interval(Some(Duration::from_secs(30))))
    /// # }
    /// ```
    pub fn configure(
        mut self,
        configure: impl FnOnce(tonic::transport::Server) -> tonic::transport::Server,
    ) -> Self {
        self.transport = configure(self.transport);
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
        self.health = true;
        self
    }

    /// Also serves the standard reflection service, which tells clients such as grpcurl of the services in
    /// `descriptor_set`: an encoded `FileDescriptorSet` with all imports, as `protoc --include_imports
    /// --descriptor_set_out=FILE` and `gorums_build` write it.
    #[cfg(feature = "reflection")]
    pub fn reflection(mut self, descriptor_set: impl Into<Vec<u8>>) -> Self {
        self.descriptor_sets.push(descriptor_set.into());
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
        serve(self, incoming, stop).await
    }
}

/// The connections that `listener` accepts.
pub(super) fn incoming(listener: TcpListener) -> TcpIncoming {
    // Small messages that wait for an acknowledgement would add its round trip to each call.
    TcpIncoming::from(listener).with_nodelay(Some(true))
}
