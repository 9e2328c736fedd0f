//! Why the program fails.

use std::io;

use gorums_runtime::errors::{ManagerError, ServerError};
use rustyline::error::ReadlineError;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// A replica cannot listen, or has failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The replicas' addresses are wrong.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// Reading standard input or writing standard output failed.
    #[error("cannot read commands or write answers: {0}")]
    Terminal(#[from] io::Error),
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    LineEditor(#[from] ReadlineError),
}
