//! The process of one replica: its state, its disk, and its peers.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gorums_runtime::server::Router;
use gorums_runtime::{NodeId, Server, System};
use harness::disk::{Batch, Disk, DiskError, Durable};
use tokio::sync::{mpsc, oneshot};

use crate::command::{Command, Operation};
use crate::commit::Commit;
use crate::execution::{Execution, Progress};
use crate::flaw::Flaw;
use crate::instance::InstanceId;
use crate::map::Outcome;
use crate::proto::consensus_gorums::{ConsensusConfiguration, ConsensusReplicaServer};
use crate::proto::map_gorums::MapReplicaServer;
use crate::quorums::{EPaxosQuorums, NotOdd};
use crate::record::{Value, Write};
use crate::replica::Replica;
use crate::wire::{Malformed, from_disk, to_disk};

/// How many commands may wait for an instance.
const WAITING: usize = 1024;

/// A member of the system, from which its server is made.
///
/// Clones are the same member. Its work ends with the last of them.
#[derive(Clone, Debug)]
pub struct Member(pub(crate) Arc<Node>);

/// Why a replica does not start.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// There is no quorum system.
    #[error(transparent)]
    Quorums(#[from] NotOdd),
    /// Its state cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its state was not written by a replica.
    #[error("a record on the disk cannot be used: {0}")]
    Record(#[from] Malformed),
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// All replicas, this one included.
    pub(crate) members: ConsensusConfiguration,
    pub(crate) quorums: EPaxosQuorums,
    pub(crate) proposals: mpsc::Sender<Request>,
    pub(crate) flaw: Option<Flaw>,
    disk: Disk,
    state: Mutex<State>,
}

/// What has to change together.
pub(crate) struct State {
    pub(crate) replica: Replica,
    pub(crate) execution: Execution,
    /// The clients that wait for an instance of this replica, each with the place of its command in the batch.
    pub(crate) clients: HashMap<InstanceId, Vec<(usize, Request)>>,
    /// The instances that this replica recovers, or will if they stay uncommitted.
    pub(crate) recovering: HashSet<InstanceId>,
}

/// A command whose client waits.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

impl Member {
    /// The replica of a system that has its state on `disk`.
    ///
    /// # Errors
    ///
    /// See [`MemberError`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(system: &System, disk: Disk) -> Result<Self, MemberError> {
        Self::with_flaw(system, disk, None)
    }

    /// A replica that makes a mistake, for tests.
    ///
    /// # Errors
    ///
    /// See [`MemberError`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn with_flaw(system: &System, disk: Disk, flaw: Option<Flaw>) -> Result<Self, MemberError> {
        let members = system.configuration();
        let pairs = disk.load()?;
        let records = pairs.iter().map(|(key, value)| from_disk(key, value));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let replica = Replica::new(system.id(), records, flaw);
        let mut execution = Execution::new(flaw);
        let instances = replica.instances().map(|(instance, _)| instance);
        let committed = instances.filter_map(|it| Some((it, replica.committed(it)?.clone())));
        let mut committed: Vec<(InstanceId, Value)> = committed.collect();
        // Most dependencies have a lower `seq`, so that few have to wait.
        committed.sort_unstable_by_key(|(instance, value)| (value.attributes.seq, *instance));
        for (instance, value) in committed {
            execution.commit(instance, value);
        }
        let (proposals, waiting) = mpsc::channel(WAITING);
        let node = Arc::new(Node {
            id: system.id(),
            quorums: EPaxosQuorums::new(members.node_ids(), flaw)?,
            members: ConsensusConfiguration::new(members),
            proposals,
            flaw,
            disk,
            state: Mutex::new(State {
                replica,
                execution,
                clients: HashMap::new(),
                recovering: HashSet::new(),
            }),
        });
        tokio::spawn(Node::lead_all(Arc::downgrade(&node), waiting));
        Ok(Self(node))
    }
}

impl From<Member> for Server {
    fn from(member: Member) -> Self {
        let router = Router::new()
            .add_replica(ConsensusReplicaServer::new(member.clone()))
            .add_replica(MapReplicaServer::new(member));
        Self::new(router)
    }
}

impl Node {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // No step panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to write what a step has changed. Call it with the state locked, so that writes have the order of
    /// steps. Without a write, the returned future waits for the earlier ones.
    pub(crate) fn write(&self, write: Option<Write>) -> Durable {
        let batch = Batch::new();
        self.disk.commit(match write.map(to_disk) {
            Some((key, value)) => batch.put(key, value),
            None => batch,
        })
    }

    /// Learns of a commit that cannot be lost any more: executes what is possible, and answers clients.
    pub(crate) fn learn(self: &Arc<Self>, commit: Commit) {
        let mut state = self.state();
        let Commit { instance, value } = commit;
        let requests = state.clients.remove(&instance).unwrap_or_default();
        let waiting = self.committed(&value, requests);
        if !waiting.is_empty() {
            state.clients.insert(instance, waiting);
        }
        let Progress { executed, blockers } = state.execution.commit(instance, value);
        for (instance, outcomes) in executed {
            let requests = state.clients.remove(&instance).into_iter().flatten();
            for (place, request) in requests {
                if let Some(outcome) = outcomes.get(place) {
                    // A client that has gone away does not mind.
                    let _ = request.reply.send(outcome.clone());
                }
            }
        }
        for blocker in blockers {
            if state.recovering.insert(blocker) {
                tokio::spawn(Self::recover_late(Arc::downgrade(self), blocker));
            }
        }
    }

    /// Answers those clients that learn nothing from the execution of their commands. Returns the others.
    ///
    /// If the instance has become a no-op, all their commands get another one.
    fn committed(&self, value: &Value, requests: Vec<(usize, Request)>) -> Vec<(usize, Request)> {
        let mut waiting = Vec::new();
        for (place, request) in requests {
            if value.commands.is_empty() {
                // If there is no room, the client has to try again.
                let _ = self.proposals.try_send(request);
            } else if let Operation::Put(_) = request.command.operation {
                // A client that has gone away does not mind.
                let _ = request.reply.send(Outcome::Written);
            } else {
                waiting.push((place, request));
            }
        }
        waiting
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
