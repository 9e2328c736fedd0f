//! What ends the program.

use std::io;
use std::path::PathBuf;

use gorums_runtime::errors::{ManagerError, ServerError};

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// A server process cannot be started, or does not say where it is.
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
    /// The raw TCP addresses of servers that run elsewhere are not known.
    #[error(
        "raw TCP needs servers of this program: give their second addresses with --tcp-remotes"
    )]
    NoTcp,
    /// There are fewer servers elsewhere than are to be called.
    #[error("{asked} servers are to be called, and {option} names {given}; name all, or lower -n")]
    TooFewRemotes {
        option: &'static str,
        asked: usize,
        given: usize,
    },
    /// A quorum that there cannot be.
    #[error("{n} servers have no quorum of {quorum}; -q takes 1 to {n}")]
    Quorum { quorum: u16, n: usize },
    /// A server elsewhere cannot be made slow.
    #[error("servers at --remotes cannot be slowed down; start one of them with --delay instead")]
    SlowRemote,
    /// A call type that a system does not have.
    #[error("{system} has no {call}; it has quorum calls only")]
    NoSuchCall {
        system: &'static str,
        call: &'static str,
    },
    /// No call succeeded.
    #[error("no call over {system} succeeded: {error}")]
    NoCall { system: &'static str, error: String },
    /// Calls ended that were to wait.
    #[error("{ended} of {calls} calls over {system} did not wait: {error}")]
    Ended {
        system: &'static str,
        calls: u32,
        ended: u64,
        error: String,
    },
    /// This process' memory is not told.
    #[error("the memory of a process is told by /proc, which is not there")]
    NoProc,
    /// A client process cannot be started, or writes what is not understood.
    #[error("cannot run a client process: {0}")]
    Client(io::Error),
    /// A measurement failed in its own process.
    #[error("{0}")]
    Measurement(String),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A plot cannot be drawn.
    #[error("cannot draw the plots: {0}")]
    Plot(String),
}
