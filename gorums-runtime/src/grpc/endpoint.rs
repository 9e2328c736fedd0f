//! How a node's channel is made.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tonic::Status;
use tonic::transport::Channel;

use super::connection_options::ConnectionOptions;
use super::status;
use crate::connector::Connector;
use crate::tasks::Tasks;

/// How many withdrawn RPCs a connection remembers, so that their late replies are ignored.
///
/// A reply to an RPC that is forgotten counts as a protocol error of the server. HTTP/2's default is 50, which a
/// burst of withdrawn calls exceeds at once.
const REMEMBERED_RESETS: usize = 16_384;

/// Where and how to connect to a node.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    connect_timeout: Duration,
    connector: Connector,
    endpoint: tonic::transport::Endpoint,
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr, options: &ConnectionOptions, tasks: Tasks) -> Self {
        let authority = SocketAddr::new(address.ip(), address.port()).to_string();
        let uri = http::Uri::builder()
            .scheme("http")
            .authority(authority)
            .path_and_query("/")
            .build()
            .expect("an IP address with a port is a valid authority");
        let endpoint = Channel::builder(uri)
            .http2_max_concurrent_reset_streams(REMEMBERED_RESETS)
            .http2_max_local_error_reset_streams(None)
            .executor(tasks);
        Self {
            address,
            connect_timeout: options.connect_timeout,
            connector: options.connector.clone(),
            endpoint,
        }
    }

    /// The channel, once it is connected.
    pub(crate) async fn connect(&self) -> Result<Channel, Status> {
        self.endpoint
            .connect_with_connector(self.service())
            .await
            .map_err(|error| status::unavailable(error.into()))
    }

    /// The channel, which connects when it is first used.
    pub(crate) fn connect_lazy(&self) -> Channel {
        self.endpoint.connect_with_connector_lazy(self.service())
    }

    fn service(
        &self,
    ) -> impl tower::Service<
        http::Uri,
        Response = TokioIo<crate::connector::BoxedConnection>,
        Error = io::Error,
        Future: Send + Unpin,
    > + Send
    + Clone
    + 'static {
        let connector = self.connector.clone();
        let address = self.address;
        let timeout = self.connect_timeout;
        tower::service_fn(move |_: http::Uri| {
            let connecting = tokio::time::timeout(timeout, connector.connect(address));
            Box::pin(async move {
                let late = |_| {
                    io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("not connected within {timeout:?}"),
                    )
                };
                connecting.await.map_err(late)?.map(TokioIo::new)
            })
        })
    }
}
