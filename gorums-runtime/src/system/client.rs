//! Managers that accept calls from their nodes.

use crate::manager::ManagerBuilder;
use crate::node_stream::ReverseService;
use crate::server::Router;

impl ManagerBuilder {
    /// Accepts calls from the nodes, which `services` serve: one [`ReplicaServer`](crate::server::ReplicaServer), or a
    /// [`Router`] of several.
    ///
    /// The calls arrive on the node streams that this process opens, so that it needs no address of its own. Their
    /// handlers run as at a server: in the order in which the node sent the requests, until they call
    /// [`release`](crate::Context::release), within the router's
    /// [`StreamLimits`](crate::server::StreamLimits). [`Context::peer`](crate::Context::peer) is the id of the node.
    /// Requests that wait for them are limited by [`queue_limit`](Self::queue_limit); further ones are refused, because
    /// the replies to this process's own calls come on the same stream.
    ///
    /// Nodes that call their clients are servers with [`Server::clients`](crate::Server::clients), and those of Gorums
    /// for Go. The streams are opened at once, as with [`keep_connected`](Self::keep_connected).
    ///
    /// ```no_run
    /// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
    /// # async fn example(subscriber: impl register::register_gorums::RegisterReplica) -> Result<(), gorums_runtime::errors::ManagerError> {
    /// use gorums_runtime::Manager;
    /// use register::register_gorums::RegisterReplicaServer;
    ///
    /// let manager = Manager::builder()
    ///     .address("127.0.0.1:4000")
    ///     .serve(RegisterReplicaServer::new(subscriber))
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve(self, services: impl Into<Router>) -> Self {
        let service = ReverseService::default();
        service.begin(services.into().reverse_server());
        self.reverse_service(service)
    }
}
