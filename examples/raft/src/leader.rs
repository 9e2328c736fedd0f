//! What only a leader has.

use std::collections::{BTreeMap, VecDeque};

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{Acknowledged, Quorums};

use crate::output::Ticket;
use crate::progress::Progress;
use crate::read_index::Read;

/// The state of a leader, for one term.
#[derive(Debug)]
pub(crate) struct Leader {
    /// The entry with which the term began. Once it is committed, so is all that was committed in earlier terms.
    pub(crate) first_index: u64,
    /// How far the others have come.
    pub(crate) progress: BTreeMap<NodeId, Progress>,
    /// "matchIndex": up to where each member's log is durable and equals the leader's.
    pub(crate) acknowledged: Acknowledged<Quorums<NodeId>>,
    /// Which requests the members have answered in this term, by their sequence numbers. An answer confirms that the
    /// server still led when the request was sent.
    pub(crate) confirmed: Acknowledged<Quorums<NodeId>>,
    /// The number of the last request.
    pub(crate) sequence: u64,
    /// The number of the first request of the last round of heartbeats.
    pub(crate) round: u64,
    /// A quorum has to answer this request or a later one until the next check.
    pub(crate) check: u64,
    pub(crate) ticks_since_heartbeat: u32,
    /// Who waits for the entry at an index to be committed.
    pub(crate) proposed: BTreeMap<u64, Ticket>,
    pub(crate) reads: VecDeque<Read>,
}

impl Leader {
    pub(crate) fn new(first_index: u64, quorums: Quorums<NodeId>) -> Self {
        Self {
            first_index,
            progress: BTreeMap::new(),
            acknowledged: Acknowledged::new(quorums.clone()),
            confirmed: Acknowledged::new(quorums),
            sequence: 0,
            round: 0,
            check: 0,
            ticks_since_heartbeat: 0,
            proposed: BTreeMap::new(),
            reads: VecDeque::new(),
        }
    }

    /// Takes new members over, and forgets those that are gone.
    pub(crate) fn change_members(&mut self, peers: &[NodeId], quorums: Quorums<NodeId>, next: u64) {
        self.progress.retain(|id, _| peers.contains(id));
        for id in peers {
            let new = || Progress::probing_from(next);
            self.progress.entry(*id).or_insert_with(new);
        }
        let acknowledged = self.acknowledged.clone();
        self.acknowledged = acknowledged.with_system(quorums.clone());
        self.confirmed = self.confirmed.clone().with_system(quorums);
    }

    /// The clients that wait for something.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = Ticket> {
        let reads = self.reads.iter().map(|read| read.ticket);
        self.proposed.values().copied().chain(reads)
    }
}
