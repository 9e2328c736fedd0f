//! Why the program fails.

use std::io;

use gorums_runtime::errors::{ManagerError, QuorumCallError, ServerError};
use gorums_runtime::quorum::QuorumError;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// There is no randomness for a key.
    #[error("cannot make a key: {0}")]
    Key(#[from] getrandom::Error),
    /// There are too few replicas to tolerate a lying one.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// A replica cannot listen.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The client of the replicas cannot be made.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// A value was not written.
    #[error("cannot write {value:?}: {source}")]
    Write {
        value: String,
        source: QuorumCallError,
    },
    /// The register was not read.
    #[error("cannot read: {0}")]
    Read(QuorumCallError),
    /// Writing to standard output failed.
    #[error("cannot print: {0}")]
    Print(io::Error),
}
