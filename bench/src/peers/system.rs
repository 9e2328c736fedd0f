//! Systems that serve and call each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gorums_runtime::tonic::Status;
use gorums_runtime::{Context, NodeId, RunningSystem, System};
use tokio::net::TcpListener;
use tonic::Streaming;

use crate::error::Error;
use crate::proto::Payload;
use crate::proto::peers_gorums::{PeersConfiguration, PeersNode, PeersReplica, PeersReplicaServer};

/// Counts messages.
#[derive(Clone, Default)]
pub(super) struct Counted(Arc<AtomicU64>);

impl Counted {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves one member.
pub(super) struct Member {
    /// The member that nested calls go to.
    next: Option<PeersNode>,
    counted: Counted,
}

impl Member {
    /// A member without others.
    pub(super) fn alone() -> Self {
        Self {
            next: None,
            counted: Counted::default(),
        }
    }
}

impl PeersReplica for Member {
    async fn ping(&self, _: &Context, payload: Payload) -> Result<Payload, Status> {
        Ok(payload)
    }

    async fn nested(&self, ctx: &Context, payload: Payload) -> Result<Payload, Status> {
        ctx.release();
        let next = self.next.as_ref();
        let next = next.ok_or_else(|| Status::failed_precondition("there is no other member"))?;
        Ok(next.ping(payload).await?)
    }

    async fn spread(&self, _: &Context, _: Payload) {
        self.counted.count();
    }

    async fn snapshot(&self, _: &Context, mut chunks: Streaming<Payload>) -> Result<(), Status> {
        while chunks.message().await?.is_some() {}
        Ok(())
    }
}

/// Members 1, 2, ..., which run until this is dropped.
pub(super) struct Members {
    systems: Vec<(System, RunningSystem)>,
    counted: Counted,
}

impl Members {
    /// Starts `n` members on free ports, and waits until they are connected.
    pub(super) async fn start(n: u32) -> Result<Self, Error> {
        let mut listeners = Vec::new();
        let mut members = Vec::new();
        for id in 1..=n {
            // Ports are given up again, to be listened on by the members.
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .map_err(Error::Listen)?;
            let address = listener.local_addr().map_err(Error::Listen)?;
            members.push((id, address.to_string()));
            listeners.push(listener);
        }
        drop(listeners);
        let counted = Counted::default();
        let mut systems = Vec::new();
        for id in 1..=n {
            let system = System::builder(id, members.iter().cloned()).bind().await?;
            let service = PeersConfiguration::new(system.configuration());
            let member = Member {
                next: service.node(NodeId::new(id % n + 1)).ok(),
                counted: counted.clone(),
            };
            let running = system.serve(PeersReplicaServer::new(member))?;
            systems.push((system, running));
        }
        for (system, _) in &systems {
            let all = system.configuration().size();
            let connected = system.connectivity().wait_for(all).await;
            connected.map_err(|_| Error::NoServer)?;
        }
        Ok(Self { systems, counted })
    }

    /// The node that the member at index `from` calls the one at index `to` by.
    pub(super) fn node(&self, from: usize, to: usize) -> Result<PeersNode, Error> {
        let service = self.services().nth(from).ok_or(Error::NoServer)?;
        service.nodes().nth(to).ok_or(Error::NoServer)
    }

    /// The service on all members, as each of them calls it.
    pub(super) fn services(&self) -> impl Iterator<Item = PeersConfiguration> + '_ {
        let systems = self.systems.iter();
        systems.map(|(system, _)| PeersConfiguration::new(system.configuration()))
    }

    /// How many one-way messages all members have handled.
    pub(super) fn counted(&self) -> &Counted {
        &self.counted
    }
}
