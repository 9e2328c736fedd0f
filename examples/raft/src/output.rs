//! What a step of the state machine asks of the world.

use std::sync::Arc;

use crate::log::EntryId;
use crate::proto::client_response::Outcome;
use crate::proto::{AppendEntriesRequest, Entry, HardState, RequestVoteRequest, Snapshot};

/// Identifies a client's request at the server that got it.
pub type Ticket = u64;

/// What one or more steps ask for.
///
/// The messages may leave at once. The answer to another server's request must wait until all writes are durable, those of
/// earlier steps included.
#[derive(Debug, Default)]
pub struct Output {
    /// What to write, in this order and as a whole.
    pub writes: Vec<Write>,
    /// What to tell [`Raft::on_durable`](crate::Raft::on_durable) when the writes are durable. Only if there are any.
    pub mark: Mark,
    /// Requests to other servers. Those to one server are sent in this order.
    pub messages: Vec<Message>,
    /// Answers to clients.
    pub answers: Vec<(Ticket, Outcome)>,
}

/// A change of what is on disk.
#[derive(Clone, Debug)]
pub enum Write {
    /// The current term and vote.
    HardState(HardState),
    /// An entry, at its index.
    Entry(Entry),
    /// No entry is at this index any more.
    Remove(u64),
    /// The log begins after this entry.
    Start(EntryId),
    /// The snapshot, which replaces the one before.
    Snapshot(Arc<Snapshot>),
}

/// A server's term and the end of its log at the time of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub(crate) term: u64,
    pub(crate) last_index: u64,
}

/// A request to another server.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who gets it.
    pub to: gorums_runtime::NodeId,
    /// What it says.
    pub request: Request,
}

/// A request to another server. Its reply goes back to [`Raft`](crate::Raft) together with what the variant says.
#[derive(Clone, Debug)]
pub enum Request {
    /// The reply goes to [`Raft::on_vote`](crate::Raft::on_vote).
    RequestVote(RequestVoteRequest),
    /// The reply goes to [`Raft::on_appended`](crate::Raft::on_appended), and so does its absence.
    AppendEntries(AppendEntriesRequest, Sent),
    /// The reply goes to [`Raft::on_installed`](crate::Raft::on_installed), and so does its absence.
    InstallSnapshot(Arc<Snapshot>, Sent),
}

/// When a leader sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The leader's term.
    pub term: u64,
    /// Counts the leader's requests, from 1 on.
    pub(crate) sequence: u64,
}
