//! Replicas in this process.

use gorums_runtime::errors::ServerError;
use gorums_runtime::server::RunningServer;

use crate::replica;

/// Replicas that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    replicas: Vec<RunningServer>,
}

impl Cluster {
    /// Starts `replicas` replicas on free ports.
    pub(crate) async fn start(replicas: u16) -> Result<Self, ServerError> {
        let mut running = Vec::new();
        for _ in 0..replicas {
            running.push(replica::bind("127.0.0.1:0").await?.start());
        }
        Ok(Self { replicas: running })
    }

    /// The addresses of the replicas.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let addresses = self.replicas.iter().map(RunningServer::address);
        addresses.map(|address| address.to_string()).collect()
    }
}
