//! A server: the state of figure 2, and the steps that all roles have in common.

use std::sync::Arc;

use fastrand::Rng;
use gorums_runtime::NodeId;
use gorums_runtime::prost::DecodeError;
use gorums_runtime::quorum::{Quorums, Votes};

use crate::configuration::Members;
use crate::flaw::Flaw;
use crate::leader::Leader;
use crate::log::{EntryId, Log};
use crate::options::Options;
use crate::output::{Mark, Message, Output, Request, Ticket, Write};
use crate::proto::client_request::Request as ClientRequest;
use crate::proto::client_response::Outcome;
use crate::proto::entry::Payload;
use crate::proto::{Entry, HardState, Inspection, Refusal, Snapshot};
use crate::state_machine::StateMachine;

/// A server of Raft, as a state machine without I/O and without a clock.
///
/// It is stepped by ticks, by requests and replies of other servers, by requests of clients, and by news of the disk.
/// After each step, [`take_output`](Self::take_output) returns what is to be written, sent and answered.
#[derive(Debug)]
pub struct Raft {
    pub(crate) id: NodeId,
    pub(crate) options: Options,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) rng: Rng,
    // Persistent state.
    pub(crate) term: u64,
    pub(crate) voted_for: Option<NodeId>,
    pub(crate) log: Log,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    // Volatile state. All that is committed is applied.
    pub(crate) commit_index: u64,
    pub(crate) machine: StateMachine,
    pub(crate) role: Role,
    pub(crate) leader: Option<NodeId>,
    /// Ticks since the leader was heard of or the campaign began, or since the leader last had a quorum.
    pub(crate) elapsed: u32,
    /// Ticks after which the server campaigns.
    pub(crate) timeout: u32,
    pub(crate) output: Output,
}

/// What a server is.
#[derive(Debug)]
pub(crate) enum Role {
    Follower,
    /// Asks whether it would be elected.
    PreCandidate(Votes<Quorums<NodeId>>),
    Candidate(Votes<Quorums<NodeId>>),
    Leader(Box<Leader>),
}

/// What a server has on its disk.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The term and the vote.
    pub hard_state: HardState,
    /// After which entry the log begins.
    pub start: EntryId,
    /// The log, in order.
    pub entries: Vec<Entry>,
    /// The latest snapshot.
    pub snapshot: Option<Snapshot>,
}

/// Why a server cannot begin with what is on its disk.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// An entry is missing.
    #[error("the log on disk has the entry {found} where {expected} is expected")]
    Gap {
        /// What should be there.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// Neither the log nor a snapshot has the entries.
    #[error("the log on disk begins after {0}, and no snapshot reaches so far")]
    NoSnapshot(u64),
    /// The snapshot cannot be decoded.
    #[error("the snapshot on disk is broken: {0}")]
    Snapshot(#[from] DecodeError),
}

/// A request that no correct server makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Another server claims to lead in the term of this leader.
    #[error("{0} claims to lead in a term in which this server leads")]
    TwoLeaders(NodeId),
    /// The indices or terms of the entries do not rise as they should.
    #[error("the entries are not in order")]
    EntriesOutOfOrder,
    /// A committed entry would be replaced.
    #[error("the entry {0} is committed here with another term")]
    CommittedConflict(u64),
    /// A snapshot cannot be decoded.
    #[error("the snapshot is broken: {0}")]
    Snapshot(#[from] DecodeError),
}

impl Raft {
    /// A server that goes on with what is on its disk. `members` are those of a new cluster; a server that joins an
    /// existing one has none.
    ///
    /// # Errors
    ///
    /// See [`StoredError`].
    pub fn new(
        id: NodeId,
        members: Members,
        options: Options,
        stored: Stored,
        seed: u64,
    ) -> Result<Self, StoredError> {
        let snapshot = stored.snapshot.map(Arc::new);
        let last_included = snapshot.as_ref().map_or(0, |it| it.last_included_index);
        if stored.start.index > last_included {
            return Err(StoredError::NoSnapshot(stored.start.index));
        }
        let (members, machine) = match &snapshot {
            Some(snapshot) => (
                snapshot.configuration.clone().unwrap_or_default().into(),
                StateMachine::restore(&snapshot.data)?,
            ),
            None => (members, StateMachine::default()),
        };
        let mut log = Log::new(stored.start, (last_included, members));
        for entry in stored.entries {
            let expected = log.last().index + 1;
            if entry.index != expected {
                let found = entry.index;
                return Err(StoredError::Gap { expected, found });
            }
            log.append(entry);
        }
        let HardState { term, voted_for } = stored.hard_state;
        let mut raft = Self {
            id,
            options,
            flaw: None,
            rng: Rng::with_seed(seed),
            term,
            voted_for: (voted_for > 0).then(|| NodeId::new(voted_for)),
            log,
            snapshot,
            commit_index: last_included,
            machine,
            role: Role::Follower,
            leader: None,
            elapsed: 0,
            timeout: 0,
            output: Output::default(),
        };
        raft.restart_timer();
        Ok(raft)
    }

    /// A server that makes a mistake, for tests.
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        let machine = self.machine.with_flaw(flaw);
        Self {
            flaw,
            machine,
            ..self
        }
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Whether the server leads in the current term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// The index of the last entry that is committed and applied.
    pub fn commit_index(&self) -> u64 {
        self.commit_index
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The state after all entries that are committed.
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The members in effect.
    pub fn members(&self) -> &Members {
        &self.log.configuration().1
    }

    /// What the server knows of itself.
    pub fn inspect(&self) -> Inspection {
        Inspection {
            term: self.term,
            is_leader: self.is_leader(),
            leader: self.leader.map_or(0, NodeId::get),
            commit_index: self.commit_index,
            last_index: self.log.last().index,
            snapshot_index: self
                .snapshot
                .as_ref()
                .map_or(0, |it| it.last_included_index),
            configuration: Some(self.members().into()),
        }
    }

    /// Some time has passed.
    pub fn tick(&mut self) {
        self.elapsed += 1;
        if self.is_leader() {
            self.tick_leader();
        } else if self.elapsed >= self.timeout {
            self.pre_campaign();
        }
    }

    /// A client asks for something. The answer has the same ticket.
    pub fn on_client(&mut self, ticket: Ticket, request: Option<ClientRequest>) {
        if !self.is_leader() {
            return self.answer(ticket, self.not_leader());
        }
        match request {
            Some(ClientRequest::RegisterClient(())) => self.propose(ticket, Payload::Register(())),
            Some(ClientRequest::Command(command)) => {
                self.propose(ticket, Payload::Command(command));
            }
            Some(ClientRequest::Query(key)) => self.query(ticket, key),
            Some(ClientRequest::ChangeMembers(next)) => self.change_members(ticket, next),
            None => self.answer(ticket, Outcome::Refusal(Refusal::Malformed.into())),
        }
    }

    /// All that had been asked to be written at the time of `mark` is durable.
    pub fn on_durable(&mut self, mark: Mark) {
        if mark.term != self.term {
            return;
        }
        match self.role {
            Role::Candidate(_) => self.ask_for_votes(),
            Role::Leader(_) => self.acknowledge(self.id, mark.last_index),
            Role::Follower | Role::PreCandidate(_) => {}
        }
    }

    /// What the steps since the last call ask for.
    pub fn take_output(&mut self) -> Output {
        self.output.mark = Mark {
            term: self.term,
            last_index: self.log.last().index,
        };
        std::mem::take(&mut self.output)
    }

    /// Whether the server has heard of a leader within the shortest election time-out. It does not help to replace it then
    /// (dissertation, section 4.2.3).
    pub(crate) fn has_leader(&self) -> bool {
        self.is_leader() || self.leader.is_some() && self.elapsed < self.options.election_ticks
    }

    /// Follows, in a term that is not older than the current one.
    pub(crate) fn become_follower(&mut self, term: u64, leader: Option<NodeId>) {
        if term > self.term {
            self.term = term;
            self.voted_for = None;
            self.write_hard_state();
        }
        self.leader = leader;
        let before = std::mem::replace(&mut self.role, Role::Follower);
        if let Role::Leader(before) = before {
            self.restart_timer();
            for ticket in before.waiting() {
                self.answer(ticket, self.not_leader());
            }
        }
    }

    /// Accepts that `from` leads in `term`, unless that term has passed. Returns whether it does.
    pub(crate) fn follow(&mut self, from: NodeId, term: u64) -> Result<bool, Violation> {
        if term < self.term && self.flaw != Some(Flaw::TermNotChecked) {
            return Ok(false);
        }
        if self.is_leader() && term == self.term {
            return Err(Violation::TwoLeaders(from));
        }
        self.become_follower(term, Some(from));
        self.restart_timer();
        Ok(true)
    }

    pub(crate) fn restart_timer(&mut self) {
        self.elapsed = 0;
        let ticks = self.options.election_ticks;
        self.timeout = ticks + self.rng.u32(..ticks.max(1));
    }

    pub(crate) fn write_hard_state(&mut self) {
        if self.flaw != Some(Flaw::VoteNotPersisted) {
            let voted_for = self.voted_for.map_or(0, NodeId::get);
            let state = HardState {
                term: self.term,
                voted_for,
            };
            self.write(Write::HardState(state));
        }
    }

    pub(crate) fn write(&mut self, write: Write) {
        self.output.writes.push(write);
    }

    pub(crate) fn send(&mut self, to: NodeId, request: Request) {
        self.output.messages.push(Message { to, request });
    }

    pub(crate) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.output.answers.push((ticket, outcome));
    }

    /// All members but this server.
    pub(crate) fn peers(&self) -> Vec<NodeId> {
        let all = self.members().ids().into_iter();
        all.filter(|id| *id != self.id).collect()
    }

    fn not_leader(&self) -> Outcome {
        Outcome::NotLeaderHint(self.leader.map_or(0, NodeId::get))
    }
}
