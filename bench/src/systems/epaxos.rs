//! Egalitarian Paxos.

use epaxos::proto::map_gorums::MapConfiguration;
use epaxos::{Member, MemberError};
use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::{Configuration, Server, System};
use harness::disk::Disk;

use super::PATIENCE;
use super::candidate::{Candidate, Client};
use super::rounds::Rounds;
use crate::args::Serves;

/// What a replica serves.
pub(super) fn serve(system: &System, disk: Disk) -> Result<Server, MemberError> {
    Ok(Member::new(system, disk)?.into())
}

/// A map, which is written. Each replica leads the commands of its share of the clients.
pub(super) struct Puts {
    /// Of 100 commands, how many are about one key.
    pub(super) conflicts: u8,
}

impl Candidate for Puts {
    fn name(&self) -> String {
        format!("EPaxos, {} % conflicts", self.conflicts)
    }

    fn serves(&self) -> Serves {
        Serves::Epaxos
    }

    fn rounds(&self, n: usize) -> Rounds {
        // The fast path.
        Rounds::Led {
            leaders: n,
            quorum: n - 1,
            itself: true,
            commit: true,
        }
    }

    fn conflicts(&self) -> f64 {
        f64::from(self.conflicts) / 100.0
    }

    fn client(&self, id: u64, replicas: Configuration) -> Box<dyn Client> {
        let replicas = MapConfiguration::new(replicas);
        Box::new(Proposer(epaxos::Client::new(id, replicas, PATIENCE)))
    }
}

struct Proposer(epaxos::Client);

impl Client for Proposer {
    fn execute<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let Self(client) = self;
        let put = client.put(key, value);
        put.map(|outcome| outcome.map_err(|error| error.to_string()))
            .boxed()
    }
}
