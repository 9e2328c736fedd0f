//! Replicas in this process.

use gorums_runtime::server::{Router, RunningServer};
use gorums_runtime::{Configuration, Manager, NodeId, Server};

use crate::args::Args;
use crate::error::Error;

/// Replicas that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The nodes of the replicas.
    pub(crate) configuration: Configuration,
    _replicas: Vec<RunningServer>,
}

impl Cluster {
    /// Starts the replicas of `args` on free ports, and connects to them. `replica` makes each of them, and is told
    /// whether it lies: the first ones do.
    pub(crate) async fn start<R: Into<Router>>(
        args: &Args,
        replica: impl Fn(bool) -> Result<R, Error>,
    ) -> Result<Self, Error> {
        let mut nodes = Manager::builder();
        let mut running = Vec::new();
        for number in 1..=args.replicas {
            let replica = replica(number <= args.liars)?;
            let server = Server::new(replica).bind("127.0.0.1:0").await?.start();
            nodes = nodes.node(NodeId::new(number), server.address().to_string());
            running.push(server);
        }
        Ok(Self {
            configuration: nodes.connect().await?.configuration(),
            _replicas: running,
        })
    }

    /// The replicas' ids.
    pub(crate) fn node_ids(&self) -> Vec<NodeId> {
        self.configuration.node_ids().collect()
    }
}
