//! The graceful end of node streams in a server of one's own.

use tokio_util::sync::CancellationToken;

/// Ends the node streams of a [`Router`](crate::server::Router), so that a tonic server of your own can shut down.
///
/// A node stream lasts until its client ends it, and tonic's graceful shutdown waits for all streams. Begin the shutdown of
/// the node streams with that of the server. A [`Server`](crate::Server) does so itself.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::server::{Router, recommended_server};
/// use register::register_gorums::RegisterReplicaServer;
///
/// let router = Router::new().add_replica(RegisterReplicaServer::new(replica));
/// let streams = router.stream_shutdown();
/// recommended_server(tonic::transport::Server::builder())
///     .add_routes(router.into_routes())
///     .serve_with_shutdown("127.0.0.1:4000".parse()?, async move {
///         drop(tokio::signal::ctrl_c().await);
///         streams.begin();
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StreamShutdown(CancellationToken);

impl StreamShutdown {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self(stop)
    }

    /// Makes all node streams end: they finish the calls that have begun, and take no others. A call that has not begun
    /// fails with `Unavailable`. Streams that clients open later end likewise.
    pub fn begin(&self) {
        self.0.cancel();
    }
}
