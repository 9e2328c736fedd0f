//! Raft.

use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::{Configuration, Server, System};
use harness::disk::Disk;
use raft::proto::clients_gorums::ClientsConfiguration;
use raft::{Replica, ReplicaError};

use super::PATIENCE;
use super::candidate::{Candidate, Client};
use super::rounds::Rounds;
use crate::args::{Serves, majority};

/// What a replica serves.
pub(super) fn serve(system: &System, disk: Disk) -> Result<Server, ReplicaError> {
    Ok(Server::new(Replica::new(system, disk)?.services()))
}

/// A map, which is written. One replica leads.
pub(super) struct Puts;

impl Candidate for Puts {
    fn name(&self) -> String {
        "Raft".to_string()
    }

    fn serves(&self) -> Serves {
        Serves::Raft
    }

    fn rounds(&self, n: usize) -> Rounds {
        // The leader counts itself. What is committed, the others learn with the next round.
        Rounds::Led {
            leaders: 1,
            quorum: majority(n) - 1,
            itself: false,
            commit: false,
        }
    }

    fn client(&self, _: u64, replicas: Configuration) -> Box<dyn Client> {
        let replicas = ClientsConfiguration::new(replicas);
        Box::new(Commander(raft::Client::new(replicas, PATIENCE)))
    }
}

struct Commander(raft::Client);

impl Client for Commander {
    fn execute<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let Self(client) = self;
        let put = client.put(key, value);
        put.map(|outcome| outcome.map_err(|error| error.to_string()))
            .boxed()
    }
}
