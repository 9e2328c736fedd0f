//! What a server serves.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;

use super::replica_server::{ReplicaServer, ServiceName};
use crate::server::handler::{Pacing, StreamLimits};
use crate::server::node_stream::NodeStreams;

/// The services of a server: replicas of any number of services, and other gRPC services beside them.
///
/// A [`Server`](crate::Server) serves them. So does a tonic server of your own:
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
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
    /// Each adds a replica to the routes.
    replicas: Vec<Arc<AddReplica>>,
    names: Vec<&'static str>,
    streams: NodeStreams,
}

/// Adds a replica to routes, whose limits are known by then.
type AddReplica = dyn Fn(Routes, Arc<Pacing>) -> Routes + Send + Sync;

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
            self.streams
                .add(method, Arc::clone(answering), replica.limits());
        }
        self.add_name(S::NAME);
        self.replicas.push(Arc::new(move |routes, pacing| {
            let mut replica = replica.clone();
            replica.pace(pacing);
            routes.add_service(replica)
        }));
        self
    }

    /// How much the node streams of one client may ask of the replicas; see [`StreamLimits`] for what holds otherwise. What
    /// they say of unread replies holds for plain gRPC calls of replicas, too.
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
        self.add_name(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    fn add_name(&mut self, name: &'static str) {
        assert!(
            !self.names.contains(&name),
            "a service named {name} was added before"
        );
        self.names.push(name);
    }

    /// The services' names, such as `register.Register`, in the order in which they were added.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'static str> + '_ {
        self.names.iter().copied()
    }

    /// The services in the form that a tonic server takes. Set that up by [`recommended_server`](crate::server::recommended_server):
    /// with tonic's defaults, callers that withdraw calls make those of others fail.
    ///
    /// Node streams last for as long as their clients want them to. A tonic server that shuts down waits for that; a
    /// [`Server`](crate::Server) ends them.
    pub fn into_routes(self) -> Routes {
        let pacing = Arc::new(self.streams.pacing());
        let add = |routes, add: &Arc<AddReplica>| add(routes, Arc::clone(&pacing));
        let routes = self.replicas.iter().fold(self.routes, add);
        match self.streams.is_empty() {
            true => routes,
            false => routes.add_service(self.streams.of_one_server()),
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

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("names", &self.names)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
