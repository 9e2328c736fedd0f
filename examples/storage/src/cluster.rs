//! Replicas in this process.

use futures::{StreamExt, TryStreamExt};
use gorums_runtime::metrics::Metrics;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

use crate::error::Error;
use crate::member::Member;

/// Replicas that run until this is dropped. They are the members of a system.
#[derive(Debug)]
pub(crate) struct Cluster {
    _replicas: Vec<Member>,
    addresses: Vec<String>,
}

impl Cluster {
    /// Starts `replicas` replicas on free ports. `metrics` has what they serve. Their calls to each other are left out: all
    /// call the same nodes.
    pub(crate) async fn start(replicas: u16, metrics: &Metrics) -> Result<Self, Error> {
        // All addresses are known before the first replica starts.
        let mut listeners = Vec::new();
        let mut members = Vec::new();
        for id in 1..=u32::from(replicas) {
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .map_err(Error::Listen)?;
            members.push((
                id,
                listener.local_addr().map_err(Error::Listen)?.to_string(),
            ));
            listeners.push((id, listener));
        }
        let mut running = Vec::new();
        for (id, listener) in listeners {
            let connections = TcpListenerStream::new(listener).inspect_ok(|connection| {
                // Without it, small replies may be delayed.
                let _ = connection.set_nodelay(true);
            });
            running.push(Member::accept(id, &members, connections.boxed(), metrics).await?);
        }
        Ok(Self {
            _replicas: running,
            addresses: members.into_iter().map(|(_, address)| address).collect(),
        })
    }

    /// The addresses of the replicas.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}
