//! The command leader: figure 2 of the paper, from the commands of clients to the commit.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::QuorumCallError;
use harness::disk::DiskFailed;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::attributes::Attributes;
use crate::ballot::Ballot;
use crate::commit::Commit;
use crate::instance::InstanceId;
use crate::node::{Node, Request};
use crate::pre_accept::{Phase1, PreAccepted};
use crate::proposal::Proposal;
use crate::replica::Refusal;

/// How many commands an instance has at most.
const BATCH: usize = 256;

/// How many bytes these may have together, far from the limit of a message.
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// How long a call may take. Replicas that answer later help no more.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(500);

/// How long the leader waits for a fast quorum, if a majority has replied.
const PATIENCE: Duration = Duration::from_millis(20);

/// Why a leader could not commit its instance.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("ballot {0} is higher")]
    Outbid(Ballot),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no majority has pre-accepted")]
    NotPreAccepted,
    #[error(transparent)]
    Call(#[from] QuorumCallError),
    #[error(transparent)]
    Disk(#[from] DiskFailed),
}

impl Node {
    /// Leads the commands of clients until the replica is gone, or its disk fails. Commands that arrive while an
    /// instance is written to disk are the batch of the next one.
    pub(crate) async fn lead_all(node: Weak<Self>, mut waiting: mpsc::Receiver<Request>) {
        let mut queue = Vec::new();
        while waiting.recv_many(&mut queue, BATCH).await > 0 {
            let Some(node) = node.upgrade() else { return };
            while !queue.is_empty() {
                let Ok(pre_accept) = node.propose(batch(&mut queue)).await else {
                    return;
                };
                tokio::spawn(Arc::clone(&node).lead(pre_accept));
            }
        }
    }

    /// Gives commands an instance of this replica.
    async fn propose(&self, requests: Vec<Request>) -> Result<Proposal, DiskFailed> {
        let (pre_accept, durable) = {
            let mut state = self.state();
            let commands = requests.iter().map(|request| request.command.clone());
            let (pre_accept, write) = state.replica.propose(commands.collect());
            let requests = requests.into_iter().enumerate().collect();
            state.clients.insert(pre_accept.instance, requests);
            (pre_accept, self.write(write))
        };
        durable.await?;
        Ok(pre_accept)
    }

    /// Commits an instance of this replica, or recovers it like one of another replica.
    async fn lead(self: Arc<Self>, pre_accept: Proposal) {
        let instance = pre_accept.instance;
        let committed = match self.phase_1(&pre_accept).await {
            Ok(None) => self.commit_fast(instance).await,
            Ok(Some(attributes)) => self.phase_2(pre_accept, attributes).await,
            Err(stopped) => Err(stopped),
        };
        if committed.is_err() {
            self.recover_unless_committed(instance);
        }
    }

    /// Phase 1: has a majority pre-accept the commands. Returns their final attributes, or `None` if those that were
    /// proposed are final by the fast path.
    pub(crate) async fn phase_1(
        &self,
        pre_accept: &Proposal,
    ) -> Result<Option<Attributes>, Stopped> {
        let mut replies = PreAccepted::new(pre_accept, &self.quorums, self.flaw);
        let call = self.members.pre_accept(pre_accept.clone().into());
        let mut responses = call.timeout(TIMEOUT).responses();
        let mut impatience = pin!(sleep(PATIENCE));
        let mut impatient = false;
        let decision = loop {
            tokio::select! {
                // So that a simulation depends on its seed alone.
                biased;
                response = responses.next() => match response {
                    Some((from, reply)) => {
                        let attributes = reply.ok().and_then(|reply| reply.try_into().ok());
                        replies.count(from, attributes.as_ref());
                    }
                    None => return Err(Stopped::NotPreAccepted),
                },
                () = &mut impatience, if !impatient => impatient = true,
            }
            if let Some(decision) = replies.decision(impatient) {
                break decision;
            }
        };
        // Replicas that lag pre-accept all the same.
        responses.let_go();
        match decision {
            Phase1::Fast => Ok(None),
            Phase1::Slow(attributes) => Ok(Some(attributes)),
            Phase1::Impossible => Err(Stopped::NotPreAccepted),
        }
    }

    /// Commits what this replica has proposed.
    async fn commit_fast(self: &Arc<Self>, instance: InstanceId) -> Result<(), Stopped> {
        let (commit, durable) = {
            let mut state = self.state();
            let (commit, write) = state.replica.commit_fast(instance)?;
            (commit, self.write(write))
        };
        durable.await?;
        self.members.commit(commit.clone().into()).detach();
        self.learn(commit);
        Ok(())
    }

    /// Phase 2: has a majority accept the commands of a proposal with these attributes, and commits them.
    pub(crate) async fn phase_2(
        self: &Arc<Self>,
        mut proposal: Proposal,
        attributes: Attributes,
    ) -> Result<(), Stopped> {
        proposal.value.attributes = attributes;
        let accept = self.members.accept(proposal.clone().into());
        accept
            .timeout(TIMEOUT)
            .quorum_of(&self.quorums.slow)
            .await?;
        let Proposal {
            instance, value, ..
        } = proposal;
        self.tell(Commit { instance, value });
        Ok(())
    }

    /// Tells all replicas what was chosen.
    pub(crate) fn tell(self: &Arc<Self>, commit: Commit) {
        self.members.commit(commit.clone().into()).detach();
        self.commit(commit);
    }

    /// Learns what a majority has chosen.
    pub(crate) fn commit(self: &Arc<Self>, commit: Commit) {
        {
            let mut state = self.state();
            let write = state.replica.on_commit(commit.clone());
            // Nothing waits for it: the majority remembers.
            drop(write.map(|write| self.write(Some(write))));
        }
        self.learn(commit);
    }
}

/// Takes the first commands of a queue that fit into one batch.
fn batch(queue: &mut Vec<Request>) -> Vec<Request> {
    let mut bytes = 0;
    let fits = queue.iter().take_while(|request| {
        bytes += request.command.size();
        bytes <= BATCH_BYTES
    });
    let first = fits.count().max(1);
    queue.drain(..first).collect()
}
