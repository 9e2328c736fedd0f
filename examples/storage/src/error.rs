//! Why the program fails.

use std::io;

use gorums_runtime::errors::{ManagerError, ServerError, SystemError};
use harness::cluster::ClusterError;
use harness::prompt::PromptError;

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
    /// The replicas of this process do not start.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
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
    /// Commands cannot be read.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}
