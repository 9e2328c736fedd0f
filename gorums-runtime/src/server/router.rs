//! The services of one server.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;

use super::replica_server::{ReplicaServer, ServiceName};
use super::stream_shutdown::StreamShutdown;
use crate::clients::Clients;
use crate::node_stream::ReverseServer;
use crate::server::handler::{Members, Pacing, ServerInterceptor, StreamLimits};
use crate::server::node_stream::NodeStreams;

/// The services of a server: any number of replicas, and other gRPC services beside them.
///
/// A [`Server`](crate::Server) serves a router. So does a tonic server of your own:
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::server::{Router, recommended_server};
/// use register::register_gorums::RegisterReplicaServer;
///
/// let router = Router::new().add_replica(RegisterReplicaServer::new(replica));
/// recommended_server(tonic::transport::Server::builder())
///     .add_routes(router.into_routes())
///     .serve("127.0.0.1:4000".parse()?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "a router does nothing until it is served"]
pub struct Router {
    routes: Routes,
    /// Each adds one replica to the routes.
    replicas: Vec<Arc<AddReplica>>,
    names: Vec<&'static str>,
    streams: NodeStreams,
}

/// Adds a replica to routes, once its limits are known.
type AddReplica = dyn Fn(Routes, Arc<Pacing>) -> Routes + Send + Sync;

impl Router {
    /// Creates a router without services.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a replica.
    ///
    /// # Panics
    ///
    /// When a service of the same name was added before.
    pub fn add_replica<S: ServiceName>(mut self, replica: ReplicaServer<S>) -> Self {
        for (method, answering) in replica.on_stream() {
            self.streams
                .add(method, Arc::clone(answering), replica.handler_timeout());
        }
        self.add_name(S::NAME);
        self.replicas.push(Arc::new(move |routes, pacing| {
            let mut replica = replica.clone();
            replica.pace(pacing);
            routes.add_service(replica)
        }));
        self
    }

    /// Limits the size of a request that the replicas accept and of a reply that they send, in bytes without metadata
    /// and before compression, on both transports. The default is 4 MiB, as everywhere in gRPC, which has no messages of
    /// more than 4 GiB.
    ///
    /// A call with a larger request or reply fails with `OutOfRange`. The clients have [a limit of their
    /// own](crate::ManagerBuilder::max_message_size), so raise both.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.streams.limit_messages(bytes);
        self
    }

    /// Limits what the node streams of one client may ask of the replicas; the default is [`StreamLimits::new`]. The
    /// limits on unread replies apply to the replicas' plain gRPC calls, too.
    pub fn stream_limits(mut self, limits: StreamLimits) -> Self {
        self.streams.limit(limits);
        self
    }

    /// Adds any gRPC service, such as a server that tonic generated.
    ///
    /// # Panics
    ///
    /// When a service of the same name was added before.
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: tower::Service<
                http::Request<Body>,
                Response = http::Response<Body>,
                Error = std::convert::Infallible,
                Future: Send + 'static,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.add_name(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// Puts `interceptor` around the calls of all replicas, inside of those that were added before; see
    /// [`ServerInterceptor`]. Other [services](Self::add_service) have none.
    pub fn intercept(mut self, interceptor: impl ServerInterceptor) -> Self {
        self.streams.intercept(interceptor);
        self
    }

    /// Measures the calls of all replicas; see [`metrics`](crate::metrics). Needs the crate's feature `metrics`.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: &crate::metrics::Metrics) -> Self {
        self.streams.measure(metrics);
        self
    }

    /// Makes the server one of a system, whose members it knows.
    pub(crate) fn join(mut self, members: Members) -> Self {
        self.streams.join(members);
        self
    }

    /// Adds the clients that [accept calls](crate::ManagerBuilder::serve) to `clients` while they are connected, so that
    /// this process can call them.
    pub fn clients(mut self, clients: Clients) -> Self {
        self.streams.call(clients);
        self
    }

    /// Serves the calls that nodes make to this process as their client.
    pub(crate) fn reverse_server(&self) -> Arc<dyn ReverseServer> {
        Arc::new(self.streams.clone().of_one_server())
    }

    fn add_name(&mut self, name: &'static str) {
        assert!(
            !self.names.contains(&name),
            "a service named {name} was added before"
        );
        self.names.push(name);
    }

    /// Returns the services' names, such as `register.Register`, in the order of their addition.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'static str> + '_ {
        self.names.iter().copied()
    }

    /// Returns what ends the node streams when a tonic server of your own shuts down.
    pub fn stream_shutdown(&self) -> StreamShutdown {
        StreamShutdown::new(self.streams.stop().clone())
    }

    /// Returns the services in the form that a tonic server takes. Create that server with
    /// [`recommended_server`](crate::server::recommended_server): with tonic's defaults, clients that cancel calls can
    /// make the calls of others fail.
    ///
    /// A node stream lasts until its client ends it, and a tonic server that shuts down waits for that:
    /// [`stream_shutdown`](Self::stream_shutdown) ends the streams.
    pub fn into_routes(self) -> Routes {
        let pacing = Arc::new(self.streams.pacing());
        let add = |routes, add: &Arc<AddReplica>| add(routes, Arc::clone(&pacing));
        let routes = self.replicas.iter().fold(self.routes, add);
        match self.streams.is_empty() {
            true => routes,
            false => routes.add_service(self.streams.of_one_server()),
        }
    }

    /// Cancelling this token ends the node streams. They finish the requests that have begun and take no others.
    pub(super) fn stop(&self) -> &CancellationToken {
        self.streams.stop()
    }
}

impl<S: ServiceName> From<ReplicaServer<S>> for Router {
    fn from(replica: ReplicaServer<S>) -> Self {
        Self::new().add_replica(replica)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("names", &self.names)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
