//! Linearizable reads without entries (dissertation, section 6.4).
//!
//! A read returns once a round of heartbeats that began after it has confirmed that the server still leads, and all that
//! was committed when it began is applied. Reads that arrive during a round share the next one.

use gorums_runtime::NodeId;

use crate::flaw::Flaw;
use crate::output::Ticket;
use crate::proto::Queried;
use crate::proto::client_response::Outcome;
use crate::raft::{Raft, Role};

/// A read that waits.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) ticket: Ticket,
    key: String,
    /// What has to be applied: "readIndex".
    index: u64,
    /// A quorum has to answer this request of the leader, or later ones.
    sequence: u64,
}

impl Raft {
    /// A client reads a key.
    pub(crate) fn query(&mut self, ticket: Ticket, key: String) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let sequence = match self.flaw {
            Some(Flaw::ReadWithoutRound) => 0,
            _ => leader.sequence + 1,
        };
        leader.reads.push_back(Read {
            ticket,
            key,
            // All that was committed in earlier terms comes before the first entry of this one.
            index: self.commit_index.max(leader.first_index),
            sequence,
        });
        self.advance_reads();
    }

    /// A member has answered a request of the leader in its term.
    pub(crate) fn confirm(&mut self, member: NodeId, sequence: u64) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        leader.confirmed.acknowledge(&self.id, leader.sequence);
        leader.confirmed.acknowledge(&member, sequence);
        self.advance_reads();
    }

    /// Answers reads, and begins a round for those that wait for one, unless one is under way.
    fn advance_reads(&mut self) {
        self.answer_reads();
        if let Role::Leader(leader) = &self.role
            && let confirmed = leader.confirmed.committed()
            && confirmed >= leader.round
            && let Some(last) = leader.reads.back()
            && last.sequence > confirmed
        {
            self.heartbeat();
        }
    }

    /// Answers the reads that have all they wait for.
    pub(crate) fn answer_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let confirmed = leader.confirmed.committed();
        while let Some(read) = leader.reads.front()
            && read.sequence <= confirmed
            && read.index <= self.commit_index
        {
            let value = self.machine.get(&read.key).map(str::to_owned);
            let outcome = Outcome::Queried(Queried { value });
            self.output.answers.push((read.ticket, outcome));
            leader.reads.pop_front();
        }
    }
}
