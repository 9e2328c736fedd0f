//! The command line that the examples share.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use gorums_runtime::errors::ManagerError;
use gorums_runtime::{Manager, Server, System};
use tokio::runtime::Runtime;

use crate::cluster::{Cluster, ClusterError};
use crate::disk::Disk;
use crate::peer::{self, Peer};
use crate::prompt::PromptError;
use crate::serve::{Serve, ServeError};

/// What a program runs: a cluster in this process with a client, one replica, or a client.
#[derive(Debug, clap::Args)]
pub struct Program {
    /// Number of replicas to start without a subcommand
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    replicas: u32,

    /// Deadline of each of the client's calls, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, global = true, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,

    /// What to run
    #[command(subcommand)]
    mode: Option<Mode>,
}

/// What to run.
#[derive(Debug, Subcommand)]
enum Mode {
    /// Run one replica until it is interrupted, with its state on disk
    Serve(Serve),
    /// Run a client of running replicas
    Client {
        /// The replicas' ids and addresses, separated by commas
        #[arg(
            long,
            value_name = "ID=HOST:PORT,...",
            value_delimiter = ',',
            required = true
        )]
        peers: Vec<Peer>,
    },
}

/// Why a program fails.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The async runtime does not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// The replicas of this process do not start.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The replica does not start, or ends.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The replicas' addresses are wrong.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// Commands cannot be read.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}

impl Program {
    /// Runs the program to its end, and returns its exit code. `replica` makes the services of each replica from its system
    /// and its disk. `client` runs the client's prompt, given a manager of all replicas and the deadline of calls.
    pub fn run<S: Into<Server>, E: std::fmt::Display>(
        self,
        name: &str,
        replica: impl Fn(&System, Disk) -> Result<S, E>,
        client: impl FnOnce(&Runtime, &Manager, Duration) -> Result<ExitCode, PromptError>,
    ) -> ExitCode {
        match self.try_run(replica, client) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("{name}: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn try_run<S: Into<Server>, E: std::fmt::Display>(
        self,
        replica: impl Fn(&System, Disk) -> Result<S, E>,
        client: impl FnOnce(&Runtime, &Manager, Duration) -> Result<ExitCode, PromptError>,
    ) -> Result<ExitCode, ProgramError> {
        let runtime = Runtime::new().map_err(ProgramError::Runtime)?;
        let timeout = Duration::from_millis(self.timeout);
        let connect = |peers: &[Peer]| runtime.block_on(peer::manager(peers).connect_lazy());
        match self.mode {
            None => {
                let cluster = runtime.block_on(Cluster::start(self.replicas, replica))?;
                let manager = connect(cluster.peers())?;
                Ok(client(&runtime, &manager, timeout)?)
            }
            Some(Mode::Serve(serve)) => {
                runtime.block_on(serve.run(replica))?;
                Ok(ExitCode::SUCCESS)
            }
            Some(Mode::Client { peers }) => Ok(client(&runtime, &connect(&peers)?, timeout)?),
        }
    }
}
