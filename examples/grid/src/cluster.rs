//! Replicas in this process.

use gorums_runtime::server::RunningServer;
use gorums_runtime::{Configuration, Manager, Server};
use grid_proto::grid::register_gorums::RegisterReplicaServer;

use crate::error::Error;
use crate::grid::{Grid, Position};
use crate::replica::Replica;

/// Replicas that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The nodes of the replicas, which are connected at the first call.
    pub(crate) configuration: Configuration,
    _replicas: Vec<RunningServer>,
}

impl Cluster {
    /// Starts the replicas of `grid` on free ports, except those that are `down`.
    pub(crate) async fn start(grid: Grid, down: &[Position]) -> Result<Self, Error> {
        let mut bound = Vec::new();
        let mut nodes = Manager::builder();
        for position in grid.positions() {
            let replica = RegisterReplicaServer::new(Replica::default());
            let server = Server::new(replica).bind("127.0.0.1:0").await?;
            nodes = nodes.node(grid.node(position), server.address().to_string());
            bound.push((position, server));
        }
        // All ports are taken before any is released, so that no replica gets the port of one that is down.
        let up = bound
            .into_iter()
            .filter(|(position, _)| !down.contains(position));
        Ok(Self {
            _replicas: up.map(|(_, server)| server.start()).collect(),
            configuration: nodes.connect_lazy().await?.configuration(),
        })
    }
}
