//! One member in this process, with its state on disk.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gorums_runtime::errors::SystemError;
use gorums_runtime::{Backoff, Server, System, SystemBuilder};

use crate::disk::{Disk, DiskError};
use crate::peer::Peer;

/// How long a member may be silent before it is asked for a sign of life, and how long it may take for the answer.
const SILENCE: Duration = Duration::from_millis(400);

/// The command line of a member.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// This member's id, from 1 on
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u32).range(1..))]
    pub id: u32,

    /// The ids and addresses of all members, this one included, separated by commas; they may start in any order
    #[arg(
        long,
        value_name = "ID=HOST:PORT,...",
        value_delimiter = ',',
        required = true
    )]
    pub peers: Vec<Peer>,

    /// The directory for this member's state, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// Why a member does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The directory cannot be made.
    #[error("cannot create the directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The state on disk cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The state on disk does not make sense.
    #[error("cannot use the state in {}: {reason}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The member cannot listen or serve.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The process cannot be told to end.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

impl Serve {
    /// Serves until the process is interrupted or terminated. `replica` makes the services from the system and the disk.
    ///
    /// # Errors
    ///
    /// See [`ServeError`].
    pub async fn run<S: Into<Server>, E: std::fmt::Display>(
        self,
        replica: impl FnOnce(&System, Disk) -> Result<S, E>,
    ) -> Result<(), ServeError> {
        let Self { id, peers, dir } = self;
        let stop = told_to_end().map_err(ServeError::Signals)?;
        std::fs::create_dir_all(&dir).map_err(|source| ServeError::Directory {
            path: dir.clone(),
            source,
        })?;
        let disk = Disk::open(dir.join(format!("{id}.redb")))?;
        let members = peers.into_iter().map(|peer| (peer.id, peer.address));
        let system = builder(id, members).bind().await?;
        let services = replica(&system, disk).map_err(|reason| ServeError::State {
            path: dir,
            reason: reason.to_string(),
        })?;
        let running = system.serve(services)?;
        if let Some(address) = system.address() {
            println!("member {id} is serving on {address}");
        }
        stop.await;
        Ok(running.stop().await?)
    }
}

/// Sets up the member `id` of a system. It notices within a second if one of the others hangs, or is back.
pub fn builder<A: Into<String>>(
    id: u32,
    members: impl IntoIterator<Item = (u32, A)>,
) -> SystemBuilder {
    System::builder(id, members)
        .manager(|manager| manager.keep_alive(SILENCE, SILENCE).backoff(backoff()))
}

/// How long to wait between attempts to connect to a member, at first and at most.
fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(50), Duration::from_millis(500))
}

/// Completes when the process is interrupted or terminated.
///
/// # Errors
///
/// If the process cannot wait for signals.
pub fn told_to_end() -> io::Result<impl Future<Output = ()> + Send> {
    #[cfg(unix)]
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        let terminated = terminated.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<()>();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
    })
}
