//! What ends the program.

use std::io;

use gorums_runtime::errors::{ManagerError, ServerError};
use rustyline::error::ReadlineError;

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// A replica cannot listen, or broke.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The replicas' addresses are wrong.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// Standard input cannot be read, or standard output not written.
    #[error("cannot read commands or write answers: {0}")]
    Terminal(#[from] io::Error),
    /// The terminal does not work.
    #[error("the terminal does not work: {0}")]
    LineEditor(#[from] ReadlineError),
}
