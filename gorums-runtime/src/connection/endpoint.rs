//! Connects to one node.

use std::io;
use std::net::SocketAddr;

use futures::FutureExt;
use http::HeaderValue;
use http::uri::Authority;
use hyper_util::rt::TokioIo;
use tonic::Status;
use tonic::transport::Channel;

use super::attempted::Attempted;
use super::attempts::{Attempts, ConnectionTasks};
use super::connection_options::{ConnectionOptions, KeepAlive};
use super::dial::Dial;
use super::direct;
use super::direct::{Direct, REMEMBERED_RESETS};
use super::link::Link;
use crate::call::Transport;
use crate::identity::{Address, Answerer, NodeAddress};
use crate::status;
use crate::support::Tasks;
use crate::wire::MAX_FRAME;

/// Where and how to connect to one node.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    dial: Dial,
    attempts: Attempts,
    endpoint: tonic::transport::Endpoint,
    direct: Option<Direct>,
    answerer: Answerer,
}

impl Endpoint {
    /// Creates the endpoint of the node at `address`.
    ///
    /// # Errors
    ///
    /// If an option is not valid.
    pub(crate) fn new(
        address: &NodeAddress,
        options: &ConnectionOptions,
        tasks: Tasks,
    ) -> Result<Self, tonic::transport::Error> {
        let origin = uri(address, options.scheme());
        let attempts = Attempts::new(options.backoff, tasks.clone());
        let mut endpoint = Channel::builder(destination(&origin, options))
            .origin(origin.clone())
            .max_frame_size(MAX_FRAME)
            .http2_max_concurrent_reset_streams(REMEMBERED_RESETS)
            .http2_max_local_error_reset_streams(None);
        if let Some(KeepAlive { interval, timeout }) = options.keep_alive {
            endpoint = endpoint
                .http2_keep_alive_interval(interval)
                .keep_alive_timeout(timeout)
                .keep_alive_while_idle(true);
        }
        if let Some(user_agent) = &options.user_agent {
            endpoint = endpoint.user_agent(user_agent.as_str())?;
        }
        if let Some(adjustment) = &options.adjustment {
            endpoint = (adjustment.0)(&address.spec(), endpoint);
        }
        // Set last, so that no adjustment can keep the connection alive beyond its manager.
        let endpoint = endpoint.executor(ConnectionTasks(tasks.clone()));
        let dial = options.dial(address);
        let direct = direct_connection(&origin, options, &dial, &attempts, tasks);
        Ok(Self {
            dial,
            attempts,
            endpoint,
            direct,
            answerer: options.answerer(address.id),
        })
    }

    /// Connects, and returns the link once the connection is established.
    pub(crate) async fn connect(&self, transport: Transport) -> Result<Link, Status> {
        let link = if let (Transport::Grpc, Some(direct)) = (transport, &self.direct) {
            direct.ready().await?;
            self.connect_lazy()
        } else {
            let channel = self
                .endpoint
                .connect_with_connector(self.service(|it| it))
                .await;
            let channel = channel.map_err(|error| status::unavailable(error.into()))?;
            self.link(channel)
        };
        let established = self.attempts.established(self.dial.timeout()).await;
        established.map_err(|error| status::unavailable(error.into()))?;
        Ok(link)
    }

    /// Returns a link that connects when it is first used.
    pub(crate) fn connect_lazy(&self) -> Link {
        self.link(self.channel_lazy())
    }

    /// Returns a channel that connects when it is first used.
    fn channel_lazy(&self) -> Channel {
        self.endpoint
            .connect_with_connector_lazy(self.service(|it| it))
    }

    /// Returns a channel for large transfers, which connects when it is first used.
    pub(super) fn channel_for_large(&self) -> Channel {
        self.endpoint
            .connect_with_connector_lazy(self.service(Attempted::for_large))
    }

    fn link(&self, channel: Channel) -> Link {
        Link::new(
            channel,
            self.clone(),
            self.direct.clone(),
            self.dial.clone(),
            self.attempts.clone(),
            self.answerer.clone(),
        )
    }

    fn service(
        &self,
        prepare: fn(Attempted) -> Attempted,
    ) -> impl tower::Service<
        http::Uri,
        Response = TokioIo<Attempted>,
        Error = io::Error,
        Future: Send + Unpin,
    > + Send
    + Clone
    + 'static {
        let attempts = self.attempts.clone();
        let dial = self.dial.clone();
        tower::service_fn(move |_: http::Uri| {
            let (attempts, dial) = (attempts.clone(), dial.clone());
            Box::pin(async move {
                let connected = attempts.connect(|| dial.once()).await;
                connected.map(prepare).map(TokioIo::new)
            })
        })
    }
}

/// Creates the connection that calls use in place of a channel. `None` if an option needs a channel: pings, or an
/// adjustment of the user.
fn direct_connection(
    origin: &http::Uri,
    options: &ConnectionOptions,
    dial: &Dial,
    attempts: &Attempts,
    tasks: Tasks,
) -> Option<Direct> {
    if options.keep_alive.is_some() || options.adjustment.is_some() {
        return None;
    }
    let ours = concat!("gorums-rs/", env!("CARGO_PKG_VERSION"));
    let user_agent = match &options.user_agent {
        Some(theirs) => HeaderValue::try_from(format!("{theirs} {ours}")).ok()?,
        None => HeaderValue::from_static(ours),
    };
    let (dial, attempts, connections) = (dial.clone(), attempts.clone(), tasks.clone());
    let connect = move || {
        let (dial, attempts, tasks) = (dial.clone(), attempts.clone(), connections.clone());
        async move {
            let connection = attempts.connect(|| dial.once()).await?;
            direct::shake_hands(connection, &tasks).await
        }
        .boxed()
    };
    Some(Direct::new(origin.clone(), user_agent, connect, tasks))
}

/// Returns the URI that tonic connects to: `origin`, but not by TLS, because the connector shakes hands itself.
fn destination(origin: &http::Uri, options: &ConnectionOptions) -> http::Uri {
    #[cfg(feature = "_tls-any")]
    if options.tls.is_some() {
        let mut parts = origin.clone().into_parts();
        parts.scheme = Some(http::uri::Scheme::HTTP);
        return parts.try_into().expect("it differs in its scheme only");
    }
    let _ = options;
    origin.clone()
}

/// Returns the node's URI, which has the address as it was given: TLS takes the server's name from it. If that cannot
/// be part of a URI, it has the IP address, or else the node's id.
fn uri(node: &NodeAddress, scheme: &'static str) -> http::Uri {
    let authority = match (Authority::try_from(&*node.name), &node.address) {
        // As gRPC has it for Unix sockets.
        #[cfg(unix)]
        (_, Address::Unix(_)) => "localhost".to_owned(),
        (Ok(authority), _) => authority.to_string(),
        (Err(_), Address::Socket(socket)) => {
            SocketAddr::new(socket.ip(), socket.port()).to_string()
        }
        (Err(_), Address::Name { port, .. }) => format!("node-{}:{port}", node.id),
    };
    http::Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query("/")
        .build()
        .expect("an authority makes a URI, and a host with a port is one")
}
