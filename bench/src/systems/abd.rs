//! The atomic register.

use abd::proto::registers_gorums::{RegistersConfiguration, RegistersReplicaServer};
use abd::{ClientError, Replica, ReplicaError};
use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::quorum::ReadWrite;
use gorums_runtime::{CallOptions, Configuration, Server};
use harness::disk::Disk;

use super::PATIENCE;
use super::candidate::{Candidate, Client};
use super::rounds::Rounds;
use crate::args::Serves;

/// What a replica serves.
pub(super) fn serve(disk: Disk) -> Result<Server, ReplicaError> {
    Ok(Server::new(RegistersReplicaServer::new(Replica::new(
        disk,
    )?)))
}

/// Registers, which are written.
pub(super) struct Writes;

/// Registers, which are read.
pub(super) struct Reads;

impl Candidate for Writes {
    fn name(&self) -> String {
        "ABD write".to_string()
    }

    fn serves(&self) -> Serves {
        Serves::Abd
    }

    fn rounds(&self, _: usize) -> Rounds {
        Rounds::QueryAndStore
    }

    fn client(&self, id: u64, replicas: Configuration) -> Box<dyn Client> {
        Box::new(Writer(client(id, replicas)))
    }
}

impl Candidate for Reads {
    fn name(&self) -> String {
        "ABD read".to_string()
    }

    fn serves(&self) -> Serves {
        Serves::Abd
    }

    fn rounds(&self, _: usize) -> Rounds {
        Rounds::Query
    }

    fn client(&self, id: u64, replicas: Configuration) -> Box<dyn Client> {
        Box::new(Reader(client(id, replicas)))
    }
}

fn client(id: u64, replicas: Configuration) -> abd::Client {
    let quorums = ReadWrite::of_writes(replicas.majority());
    let options = CallOptions::new().timeout(PATIENCE);
    let replicas = RegistersConfiguration::new(replicas).with_options(options);
    abd::Client::new(id, replicas, quorums)
}

struct Writer(abd::Client);

impl Client for Writer {
    fn execute<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let Self(client) = self;
        let written = client.write(key, value);
        written.map(text).boxed()
    }
}

struct Reader(abd::Client);

impl Client for Reader {
    fn execute<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let Self(client) = self;
        let read = async move {
            // There is nothing to read at first.
            match client.read(key).await? {
                Some(_) => Ok(()),
                None => client.write(key, value).await,
            }
        };
        read.map(text).boxed()
    }
}

fn text(outcome: Result<(), ClientError>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}
