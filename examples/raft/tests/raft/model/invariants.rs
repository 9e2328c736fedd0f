//! What has to hold after each step (figure 3 of the paper).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gorums_runtime::NodeId;
use raft::proto::Entry;
use raft::{Raft, StateMachine, Ticket};

/// What has been seen so far.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    /// The leader of each term.
    leaders: BTreeMap<u64, NodeId>,
    /// Entries by index and term, each with the term of the entry before.
    entries: HashMap<(u64, u64), (Entry, Option<u64>)>,
    /// Committed entries, each with the term of the server that committed it first.
    committed: BTreeMap<u64, (Entry, u64)>,
    /// The state after each committed entry.
    states: BTreeMap<u64, StateMachine>,
    /// The terms and commit indices of the servers.
    progress: HashMap<NodeId, (u64, u64)>,
    /// What was committed when a server was asked for a read.
    reads: HashMap<Ticket, u64>,
}

/// An invariant that does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("election safety: {0} and {1} lead in term {2}")]
    ElectionSafety(NodeId, NodeId, u64),
    #[error("log matching: {0} has another entry {1} of term {2}")]
    LogMatching(NodeId, u64, u64),
    #[error("leader completeness: {0}, which leads in term {1}, lacks the entry {2}")]
    LeaderCompleteness(NodeId, u64, u64),
    #[error("state machine safety: {0} has committed another entry {1}")]
    StateMachineSafety(NodeId, u64),
    #[error("{0} has another state after the entry {1}")]
    States(NodeId, u64),
    #[error("{0} could be elected, and lacks the entry {1}, which is committed")]
    Candidate(NodeId, u64),
    #[error("{0} answers a read without the entry {1}, which was committed before")]
    StaleRead(NodeId, u64),
    #[error("the term or the commit index of {0} went back")]
    WentBack(NodeId),
}

impl Invariants {
    /// A server may forget what it had not yet acted upon.
    pub(crate) fn restarted(&mut self, id: NodeId) {
        self.progress.remove(&id);
    }

    /// A server is asked for a read.
    pub(crate) fn asked_for_read(&mut self, ticket: Ticket) {
        let last = self.committed.keys().next_back();
        self.reads.insert(ticket, last.copied().unwrap_or(0));
    }

    /// A server answers a read. It has to know what was committed when it was asked (dissertation, section 6.4).
    pub(crate) fn check_read(&self, id: NodeId, raft: &Raft, ticket: Ticket) -> Result<(), Broken> {
        match self.reads.get(&ticket) {
            Some(index) if *index > raft.commit_index() => Err(Broken::StaleRead(id, *index)),
            _ => Ok(()),
        }
    }

    /// No server that lacks what is committed can win an election (section 5.4.1): those that would vote for it are no
    /// quorum.
    pub(crate) fn check_candidates(&self, servers: &BTreeMap<NodeId, &Raft>) -> Result<(), Broken> {
        let Some((index, (entry, _))) = self.committed.last_key_value() else {
            return Ok(());
        };
        for (id, candidate) in servers {
            let last = candidate.log().last();
            if last.index >= *index && candidate.log().term(*index) == Some(entry.term) {
                continue;
            }
            let voters = servers.iter().filter(|(_, voter)| {
                let own = voter.log().last();
                (own.term, own.index) <= (last.term, last.index)
            });
            let voters: BTreeSet<_> = voters.map(|(id, _)| *id).collect();
            if candidate.members().quorums().is_quorum_of(&voters) {
                return Err(Broken::Candidate(*id, *index));
            }
        }
        Ok(())
    }

    pub(crate) fn check(&mut self, id: NodeId, raft: &Raft) -> Result<(), Broken> {
        let now = (raft.term(), raft.commit_index());
        let before = self.progress.insert(id, now).unwrap_or_default();
        if now.0 < before.0 || now.1 < before.1 {
            return Err(Broken::WentBack(id));
        }
        self.check_log(id, raft)?;
        self.check_commits(id, raft)?;
        if raft.is_leader() {
            self.check_leader(id, raft)?;
        }
        Ok(())
    }

    fn check_log(&mut self, id: NodeId, raft: &Raft) -> Result<(), Broken> {
        let log = raft.log();
        for entry in log.from(0) {
            let prev_term = log.term(entry.index - 1);
            let (known, known_prev) = self
                .entries
                .entry((entry.index, entry.term))
                .or_insert_with(|| (entry.clone(), prev_term));
            if known != entry || *known_prev != prev_term {
                return Err(Broken::LogMatching(id, entry.index, entry.term));
            }
        }
        Ok(())
    }

    fn check_commits(&mut self, id: NodeId, raft: &Raft) -> Result<(), Broken> {
        let log = raft.log();
        let first = log.start().index + 1;
        for index in first..=raft.commit_index() {
            let entry = log
                .get(index)
                .ok_or(Broken::StateMachineSafety(id, index))?;
            let new = || (entry.clone(), raft.term());
            let (known, _) = self.committed.entry(index).or_insert_with(new);
            if known != entry {
                return Err(Broken::StateMachineSafety(id, index));
            }
        }
        let index = raft.commit_index();
        let state = self
            .states
            .entry(index)
            .or_insert_with(|| raft.machine().clone());
        match state == raft.machine() {
            true => Ok(()),
            false => Err(Broken::States(id, index)),
        }
    }

    fn check_leader(&mut self, id: NodeId, raft: &Raft) -> Result<(), Broken> {
        let term = raft.term();
        let leader = *self.leaders.entry(term).or_insert(id);
        if leader != id {
            return Err(Broken::ElectionSafety(leader, id, term));
        }
        let log = raft.log();
        for (index, (entry, committed_in)) in self.committed.range(log.start().index + 1..) {
            if *committed_in < term && log.get(*index) != Some(entry) {
                return Err(Broken::LeaderCompleteness(id, term, *index));
            }
        }
        Ok(())
    }
}
