//! What a server serves.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;

use super::stream::NodeStreams;
use super::{ReplicaServer, ServiceName, StreamLimits};

/// The services of a server: replicas of any number of services, and other gRPC services beside them.
///
/// A [`Server`](crate::Server) serves them. So does a tonic server of your own:
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::Router;
/// use register::register_gorums::RegisterReplicaServer;
///
/// let router = Router::new().add_replica(RegisterReplicaServer::new(replica));
/// tonic::transport::Server::builder()
///     .add_routes(router.into_routes())
///     .serve("127.0.0.1:4000".parse()?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a router does nothing until it is served"]
pub struct Router {
    routes: Routes,
    names: Vec<&'static str>,
    streams: NodeStreams,
}

impl Router {
    /// No services.
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
            self.streams.add(method, Arc::clone(answering));
        }
        self.add_service(replica)
    }

    /// How much the node stream of one client may ask of the replicas; see [`StreamLimits`] for what holds otherwise.
    pub fn stream_limits(mut self, limits: StreamLimits) -> Self {
        self.streams.limit(limits);
        self
    }

    /// Adds any gRPC service, such as the server that tonic generates.
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
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// The services' names, such as `register.Register`, in the order in which they were added.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'static str> + '_ {
        self.names.iter().copied()
    }

    /// The services in the form that a tonic server takes.
    ///
    /// Node streams last for as long as their clients want them to. A tonic server that shuts down waits for that; a
    /// [`Server`](crate::Server) ends them.
    pub fn into_routes(self) -> Routes {
        match self.streams.is_empty() {
            true => self.routes,
            false => self.routes.add_service(self.streams.of_one_server()),
        }
    }

    /// What ends the node streams: requests that have begun are finished, and no others are taken.
    pub(super) fn stop(&self) -> &CancellationToken {
        self.streams.stop()
    }
}

impl<S: ServiceName> From<ReplicaServer<S>> for Router {
    fn from(replica: ReplicaServer<S>) -> Self {
        Self::new().add_replica(replica)
    }
}
