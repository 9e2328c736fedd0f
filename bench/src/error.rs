//! Why the program fails.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gorums_runtime::errors::{ManagerError, ServerError, SystemError};
use harness::disk::DiskError;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The program was built without metrics.
    #[cfg(not(feature = "metrics"))]
    #[error("metrics need a build with --features metrics")]
    NoMetrics,
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// A server process cannot be started, or does not print its addresses.
    #[error("cannot start a server process: {0}")]
    Process(io::Error),
    /// The server cannot listen.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The raw TCP server cannot listen.
    #[error("cannot listen for raw TCP: {0}")]
    Listen(io::Error),
    /// The servers' addresses are wrong, or they cannot be reached.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// A server cannot be reached.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        address: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A system cannot be set up.
    #[error(transparent)]
    System(#[from] SystemError),
    /// A replica's disk fails.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A replicated system cannot begin.
    #[error("the replica does not start: {0}")]
    Replica(Box<dyn std::error::Error + Send + Sync>),
    /// The replicas of a system do not connect to each other.
    #[error("only some of the {0} replicas are connected to each other after {1:?}")]
    Apart(usize, Duration),
    /// A directory for the replicas' files cannot be made.
    #[error("cannot create a directory in {}: {source}; choose another with --dir", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// There are no servers.
    #[error("there are no servers to call; start at least one")]
    NoServer,
    /// The raw TCP addresses of the remote servers are not given.
    #[error("raw TCP needs servers of this program: give their TCP addresses with --tcp-remotes")]
    NoTcp,
    /// There are fewer remote servers than the calls need.
    #[error("the calls need {asked} servers, and {option} names {given}; name all, or lower -n")]
    TooFewRemotes {
        option: &'static str,
        asked: usize,
        given: usize,
    },
    /// The quorum is not between 1 and the number of servers.
    #[error("{n} servers have no quorum of {quorum}; -q takes 1 to {n}")]
    Quorum { quorum: u16, n: usize },
    /// A remote server cannot be slowed down.
    #[error("servers at --remotes cannot be slowed down; start one of them with --delay instead")]
    SlowRemote,
    /// The system does not have this type of call.
    #[error("{system} has no {call}, only quorum calls")]
    NoSuchCall {
        system: &'static str,
        call: &'static str,
    },
    /// No call succeeded.
    #[error("no call over {system} succeeded: {error}")]
    NoCall { system: &'static str, error: String },
    /// No command succeeded.
    #[error("no command of {system} succeeded: {error}")]
    NoCommand { system: String, error: String },
    /// Calls ended that should have waited.
    #[error("{ended} of {calls} calls over {system} did not wait: {error}")]
    Ended {
        system: &'static str,
        calls: u32,
        ended: u64,
        error: String,
    },
    /// The memory of this process is not known.
    #[error("the memory of a process is read from /proc, which does not exist here")]
    NoProc,
    /// A client process cannot be started, or its output cannot be parsed.
    #[error("cannot run a client process: {0}")]
    Client(io::Error),
    /// A measurement failed in its client process.
    #[error("{0}")]
    Measurement(String),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A plot cannot be drawn.
    #[error("cannot draw the plots: {0}")]
    Plot(String),
}
