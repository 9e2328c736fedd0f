//! What a replicated system has to tell to be measured.

use futures::future::BoxFuture;
use gorums_runtime::Configuration;

use super::rounds::Rounds;
use crate::args::Serves;

/// A replicated system, and a kind of command that its clients have executed.
pub(super) trait Candidate {
    /// Its name in the table.
    fn name(&self) -> String;

    /// What its replicas serve.
    fn serves(&self) -> Serves;

    /// The messages of a command on `n` replicas, if nothing goes wrong.
    fn rounds(&self, n: usize) -> Rounds;

    /// The share of the commands that are about one key. The others are each about a key of their client.
    fn conflicts(&self) -> f64 {
        0.0
    }

    /// A client with an id, from 1 on, that no other client has.
    fn client(&self, id: u64, replicas: Configuration) -> Box<dyn Client>;
}

/// A client, which has one command at a time.
pub(super) trait Client: Send + Sync {
    /// Has a command executed. If that fails, returns why.
    fn execute<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>>;
}
