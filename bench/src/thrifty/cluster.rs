//! Replicas, and a client of them.

use gorums_runtime::server::RunningServer;
use gorums_runtime::{Manager, Server};

use super::replica::{Replica, Requests};
use crate::args;
use crate::error::Error;
use crate::proto::reads_gorums::{ReadsConfiguration, ReadsReplicaServer};

/// Replicas on free ports of the loopback interface, and a client that is connected to them.
pub(super) struct Cluster {
    servers: Vec<RunningServer>,
    manager: Manager,
    requests: Requests,
}

impl Cluster {
    /// Starts the replicas, and connects to them.
    pub(super) async fn start(args: &args::Thrifty) -> Result<Self, Error> {
        let requests = Requests::default();
        let mut servers = Vec::new();
        for index in 0..args.n {
            let replica = Replica::new(args, index, requests.clone());
            let server = Server::new(ReadsReplicaServer::new(replica));
            servers.push(server.bind("127.0.0.1:0").await?.start());
        }
        let addresses = servers.iter().map(|server| server.address().to_string());
        let manager = Manager::builder().addresses(addresses).connect().await?;
        Ok(Self {
            servers,
            manager,
            requests,
        })
    }

    /// The service on all replicas.
    pub(super) fn service(&self) -> ReadsConfiguration {
        ReadsConfiguration::new(self.manager.configuration())
    }

    /// How many requests all replicas together got.
    pub(super) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Ends the client and the replicas.
    pub(super) async fn end(self) -> Result<(), Error> {
        self.manager.close();
        for server in self.servers {
            server.shutdown().await?;
        }
        Ok(())
    }
}
