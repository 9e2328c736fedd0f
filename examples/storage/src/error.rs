//! Why the program fails.

use std::io;

use gorums_runtime::errors::{ManagerError, ServerError, SystemError};
use rustyline::error::ReadlineError;

use crate::certificates::CertificatesError;
use crate::tls::TlsError;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// A replica cannot listen, or has failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A member cannot listen, or its peers are wrong.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Certificates cannot be made.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A replica of this process cannot listen.
    #[error("cannot listen on a free port: {0}")]
    Listen(io::Error),
    /// Prometheus cannot be served.
    #[error("cannot serve metrics on {address:?}: {source}")]
    Metrics {
        /// The address.
        address: String,
        source: io::Error,
    },
    /// The process cannot be told to end.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
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
