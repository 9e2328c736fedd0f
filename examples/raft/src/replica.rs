//! A server on the network: its clock, its disk, and the calls to and from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::{FutureExt, future, stream};
use gorums_runtime::server::Router;
use gorums_runtime::tonic::Status;
use gorums_runtime::{CallOptions, System};
use harness::disk::{Disk, Durable};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::configuration::Members;
use crate::flaw::Flaw;
use crate::follow_members::MemberFollower;
use crate::options::Options;
use crate::output::{Message, Request, Ticket};
use crate::proto::client_response::Outcome;
use crate::proto::clients_gorums::ClientsReplicaServer;
use crate::proto::raft_gorums::{RaftNode, RaftReplicaServer};
use crate::proto::{InstallSnapshotRequest, InstallSnapshotResponse, Snapshot};
use crate::raft::{Raft, StoredError};
use crate::storage::{self, StorageError};

/// The time between two ticks.
const TICK: Duration = Duration::from_millis(30);

/// How long the leader waits for an answer to AppendEntries.
const APPEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Size of a snapshot's chunks. Larger ones would hold other calls up.
const CHUNK: usize = 32 << 10;

/// A server of the replicated map. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Replica {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    system: System,
    disk: Disk,
    flaw: Option<Flaw>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) raft: Raft,
    /// Ready when all that was written is durable. `None` before the first write.
    durable: Option<future::Shared<Durable>>,
    /// Clients that wait for their answers.
    pub(crate) waiting: HashMap<Ticket, oneshot::Sender<Outcome>>,
    pub(crate) next_ticket: Ticket,
    follower: MemberFollower,
}

/// All that was written until some step. `None` if that is nothing.
pub(crate) struct Written(Option<future::Shared<Durable>>);

impl Written {
    /// Waits until it is durable.
    pub(crate) async fn durable(self) -> Result<(), Status> {
        match self.0 {
            Some(durable) => durable.await.map_err(|failed| {
                let reason = failed.to_string();
                Status::unavailable(reason)
            }),
            None => Ok(()),
        }
    }
}

/// Why a server cannot begin with what is on its disk.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The records cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The records do not fit together.
    #[error(transparent)]
    Stored(#[from] StoredError),
}

impl Replica {
    /// A server that goes on with what is on its disk. If that is nothing, all members of the system are the first members
    /// of the cluster.
    ///
    /// # Errors
    ///
    /// See [`ReplicaError`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(system: &System, disk: Disk) -> Result<Self, ReplicaError> {
        let nodes = system.configuration();
        let members = nodes
            .nodes()
            .map(|node| (node.id(), node.address().to_owned()));
        let members = Members::new(members);
        Self::with_options(system, disk, members, Options::default(), None)
    }

    /// A server that goes on with what is on its disk. If that is nothing, it is no member until a leader adds it.
    ///
    /// # Errors
    ///
    /// See [`ReplicaError`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn joining(system: &System, disk: Disk) -> Result<Self, ReplicaError> {
        Self::with_options(system, disk, Members::default(), Options::default(), None)
    }

    /// A server with options and first members of its own; without first members, it waits until a leader adds it. The
    /// flaw is for tests.
    ///
    /// # Errors
    ///
    /// See [`ReplicaError`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn with_options(
        system: &System,
        disk: Disk,
        members: Members,
        options: Options,
        flaw: Option<Flaw>,
    ) -> Result<Self, ReplicaError> {
        let stored = storage::load(&disk)?;
        let raft = Raft::new(system.id(), members, options, stored, fastrand::u64(..))?;
        let state = State {
            raft: raft.with_flaw(flaw),
            durable: None,
            waiting: HashMap::new(),
            next_ticket: 0,
            follower: MemberFollower::new(system.clone()),
        };
        let inner = Inner {
            system: system.clone(),
            disk,
            flaw,
            state: Mutex::new(state),
        };
        let replica = Self {
            inner: Arc::new(inner),
        };
        tokio::spawn(tick(Arc::downgrade(&replica.inner)));
        Ok(replica)
    }

    /// What the server serves: its peers and its clients.
    pub fn services(self) -> Router {
        Router::new()
            .add_replica(RaftReplicaServer::new(self.clone()))
            .add_replica(ClientsReplicaServer::new(self))
    }

    /// The system that the server belongs to.
    pub(crate) fn system(&self) -> &System {
        &self.inner.system
    }

    /// Makes a step, and does what it asks for. What has to be waited for is returned, too.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> (T, Written) {
        // The lock is kept so that the disk gets its batches, and each peer its messages, in the order of the steps.
        let mut state = self.state();
        let result = step(&mut state);
        let written = self.carry_out(&mut state);
        (result, written)
    }

    /// Does what the last step asks for.
    fn carry_out(&self, state: &mut State) -> Written {
        let output = state.raft.take_output();
        if !output.writes.is_empty() {
            let batch = storage::batch(output.writes);
            let durable = self.inner.disk.commit(batch).shared();
            state.durable = Some(durable.clone());
            let replica = self.clone();
            let mark = output.mark;
            tokio::spawn(async move {
                if durable.await.is_ok() {
                    let _ = replica.step(|state| state.raft.on_durable(mark));
                }
            });
        }
        for message in output.messages {
            self.send(message);
        }
        for (ticket, outcome) in output.answers {
            if let Some(client) = state.waiting.remove(&ticket) {
                // It may have given up.
                let _ = client.send(outcome);
            }
        }
        let State { raft, follower, .. } = state;
        follower.update(raft);
        let answers_early = self.inner.flaw == Some(Flaw::AnswerBeforeDisk);
        let durable = state.durable.clone().filter(|_| !answers_early);
        Written(durable)
    }

    /// Starts a call to another server. Its reply makes the next step.
    fn send(&self, Message { to, request }: Message) {
        let node = self.system().manager().node(to).map(RaftNode::new);
        let options = CallOptions::new().timeout(APPEND_TIMEOUT);
        let node = node.map(|node| node.with_options(options)).ok();
        let replica = self.clone();
        match request {
            Request::RequestVote(asked) => {
                let Some(node) = node else { return };
                let call = node.request_vote(asked).independent().start();
                tokio::spawn(async move {
                    if let Ok(reply) = call.await {
                        let _ = replica.step(|state| state.raft.on_vote(to, asked, reply));
                    }
                });
            }
            Request::AppendEntries(request, sent) => {
                let call = node.map(|node| node.append_entries(request).independent().start());
                tokio::spawn(async move {
                    let reply = match call {
                        Some(call) => call.await.ok(),
                        None => None,
                    };
                    let _ = replica.step(|state| state.raft.on_appended(to, sent, reply));
                });
            }
            Request::InstallSnapshot(snapshot, sent) => {
                tokio::spawn(async move {
                    let index = snapshot.last_included_index;
                    let reply = match node {
                        Some(node) => install(&node, &snapshot, sent.term).await.ok(),
                        None => None,
                    };
                    let _ = replica.step(|state| state.raft.on_installed(to, sent, index, reply));
                });
            }
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let state = self.inner.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ticks until the server is gone, or its disk fails.
async fn tick(inner: Weak<Inner>) {
    let mut ticks = interval(TICK);
    // A process that was stopped for some time must not believe that others were silent.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let replica = Replica { inner };
        let ((), written) = replica.step(|state| state.raft.tick());
        if matches!(written.durable().now_or_never(), Some(Err(_))) {
            replica.state().waiting.clear();
            return;
        }
    }
}

/// Sends a snapshot in chunks.
async fn install(
    node: &RaftNode,
    snapshot: &Arc<Snapshot>,
    term: u64,
) -> Result<InstallSnapshotResponse, Status> {
    let first = InstallSnapshotRequest {
        term,
        last_included_index: snapshot.last_included_index,
        last_included_term: snapshot.last_included_term,
        configuration: snapshot.configuration.clone(),
        data: Vec::new(),
    };
    let rest = Arc::clone(snapshot);
    let chunks = (0..snapshot.data.len()).step_by(CHUNK).map(move |from| {
        let until = rest.data.len().min(from + CHUNK);
        InstallSnapshotRequest {
            data: rest.data[from..until].to_vec(),
            ..InstallSnapshotRequest::default()
        }
    });
    let requests = stream::iter(std::iter::once(first).chain(chunks));
    let installed = node.client().install_snapshot(requests).await?;
    Ok(installed.into_inner())
}
