//! The members of a system in this process, on free ports.

use std::io;
use std::net::TcpListener as Listener;

use futures::{StreamExt, TryStreamExt};
use gorums_runtime::errors::SystemError;
use gorums_runtime::{RunningSystem, Server, System};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

use crate::disk::Disk;
use crate::peer::Peer;
use crate::serve::builder;

/// Members that serve until this is dropped.
#[derive(Debug)]
pub struct Cluster {
    peers: Vec<Peer>,
    _running: Vec<RunningSystem>,
}

/// Why the members do not start.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A member cannot listen.
    #[error("cannot listen on a free port of 127.0.0.1: {0}")]
    Listen(#[from] io::Error),
    /// A replica does not start.
    #[error("a replica does not start: {0}")]
    Replica(String),
    /// A member cannot serve.
    #[error(transparent)]
    System(#[from] SystemError),
}

impl Cluster {
    /// Starts the members 1 to `n`. `replica` makes the services of each from its system and a disk that is in memory.
    ///
    /// # Errors
    ///
    /// See [`ClusterError`].
    pub async fn start<S: Into<Server>, E: std::fmt::Display>(
        n: u32,
        replica: impl Fn(&System, Disk) -> Result<S, E>,
    ) -> Result<Self, ClusterError> {
        // All addresses are known before the first member starts.
        let listeners = (1..=n).map(|_| Listener::bind("127.0.0.1:0"));
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        let peers = (1..).zip(&listeners).map(|(id, listener)| {
            let address = listener.local_addr()?.to_string();
            Ok(Peer { id, address })
        });
        let peers = peers.collect::<io::Result<Vec<_>>>()?;
        let mut running = Vec::new();
        for (peer, listener) in peers.iter().zip(listeners) {
            listener.set_nonblocking(true)?;
            let connections = TcpListenerStream::new(TcpListener::from_std(listener)?);
            let connections = connections.inspect_ok(|connection| {
                // Without it, small replies may be delayed.
                let _ = connection.set_nodelay(true);
            });
            let members = peers.iter().map(|peer| (peer.id, &*peer.address));
            let system = builder(peer.id, members);
            let system = system.accept(connections.boxed()).await?;
            let services = replica(&system, Disk::in_memory());
            let services = services.map_err(|error| ClusterError::Replica(error.to_string()))?;
            running.push(system.serve(services)?);
        }
        Ok(Self {
            peers,
            _running: running,
        })
    }

    /// The members.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }
}
