//! Replicas in this process.

use gorums_runtime::server::RunningServer;
use gorums_runtime::{Configuration, Manager, NodeId, Server};

use crate::error::Error;
use crate::proto::register_gorums::RegisterReplicaServer;
use crate::replica::{Liar, Replica};
use crate::signing::{Verifier, Writer};

/// Replicas that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The nodes of the replicas.
    pub(crate) configuration: Configuration,
    _replicas: Vec<RunningServer>,
}

impl Cluster {
    /// Starts replicas on free ports, the first `liars` of which lie, and connects to them.
    pub(crate) async fn start(
        replicas: u32,
        liars: u32,
        verifier: Verifier,
    ) -> Result<Self, Error> {
        let mut nodes = Manager::builder();
        let mut running = Vec::new();
        for number in 1..=replicas {
            let replica = match number <= liars {
                true => RegisterReplicaServer::new(Liar(Writer::new()?)),
                false => RegisterReplicaServer::new(Replica::new(verifier)),
            };
            let server = Server::new(replica).bind("127.0.0.1:0").await?.start();
            nodes = nodes.node(NodeId::new(number), server.address().to_string());
            running.push(server);
        }
        Ok(Self {
            configuration: nodes.connect().await?.configuration(),
            _replicas: running,
        })
    }
}
