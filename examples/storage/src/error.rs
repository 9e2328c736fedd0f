//! What ends the program.

use std::io;

use gorums_runtime::ManagerError;

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// A replica cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    /// A replica broke down.
    #[error("the replica failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// The replicas' addresses are wrong, or they cannot be reached.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// Standard input cannot be read, or standard output not written.
    #[error("cannot talk to the terminal: {0}")]
    Terminal(io::Error),
}
