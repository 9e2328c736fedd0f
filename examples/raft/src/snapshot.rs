//! Snapshots and log compaction (section 7).

use std::sync::Arc;

use gorums_runtime::NodeId;

use crate::log::{EntryId, Log};
use crate::output::{Request, Sent, Write};
use crate::progress::State;
use crate::proto::{InstallSnapshotResponse, Snapshot};
use crate::raft::{Raft, Role, Violation};
use crate::state_machine::StateMachine;

/// No log becomes so long. Later indices can still be counted.
const GREATEST_INDEX: u64 = u64::MAX / 2;

impl Raft {
    /// Makes a snapshot of what is applied when the log has become long, and discards the earlier half of what it has.
    pub(crate) fn compact(&mut self) {
        let applied = self.commit_index.saturating_sub(self.log.start().index);
        if applied < self.options.compact_after.max(1) {
            return;
        }
        let snapshot = Arc::new(Snapshot {
            last_included_index: self.commit_index,
            last_included_term: self.log.term(self.commit_index).unwrap_or_default(),
            configuration: Some(self.log.configuration_at(self.commit_index).into()),
            data: self.machine.save(),
        });
        self.write(Write::Snapshot(Arc::clone(&snapshot)));
        self.snapshot = Some(snapshot);
        let through = self.commit_index - applied / 2;
        for index in self.log.discard(through) {
            self.write(Write::Remove(index));
        }
        self.write(Write::Start(self.log.start()));
    }

    /// Sends the snapshot to a server that lacks entries that were discarded.
    pub(crate) fn send_snapshot(&mut self, to: NodeId) {
        let (Role::Leader(leader), Some(snapshot)) = (&mut self.role, &self.snapshot) else {
            return;
        };
        if let Some(progress) = leader.progress.get_mut(&to) {
            let next = snapshot.last_included_index + 1;
            leader.sequence += 1;
            progress.restart(State::Snapshot, next, leader.sequence);
            let sent = Sent {
                term: self.term,
                sequence: leader.sequence,
            };
            let snapshot = Arc::clone(snapshot);
            self.send(to, Request::InstallSnapshot(snapshot, sent));
        }
    }

    /// A leader sends its snapshot. The reply must not leave before all writes are durable.
    ///
    /// # Errors
    ///
    /// See [`Violation`].
    pub fn on_install_snapshot(
        &mut self,
        from: NodeId,
        term: u64,
        snapshot: Snapshot,
    ) -> Result<InstallSnapshotResponse, Violation> {
        let last = EntryId {
            index: snapshot.last_included_index,
            term: snapshot.last_included_term,
        };
        if last.term > term || last.index > GREATEST_INDEX {
            return Err(Violation::EntriesOutOfOrder);
        }
        if !self.follow(from, term)? {
            return Ok(InstallSnapshotResponse { term: self.term });
        }
        if self.log.term(last.index) == Some(last.term) {
            // The log has all of it.
            self.commit_to(last.index);
        } else if last.index > self.commit_index {
            self.replace_state(last, snapshot)?;
        }
        Ok(InstallSnapshotResponse { term })
    }

    /// Replaces the log and the state machine.
    fn replace_state(&mut self, last: EntryId, snapshot: Snapshot) -> Result<(), Violation> {
        self.machine = StateMachine::restore(&snapshot.data)?.with_flaw(self.flaw);
        for index in self.log.start().index + 1..=self.log.last().index {
            self.write(Write::Remove(index));
        }
        let configuration = snapshot.configuration.clone().unwrap_or_default();
        self.log = Log::new(last, (last.index, configuration.into()));
        self.commit_index = last.index;
        let snapshot = Arc::new(snapshot);
        self.write(Write::Snapshot(Arc::clone(&snapshot)));
        self.write(Write::Start(last));
        self.snapshot = Some(snapshot);
        Ok(())
    }

    /// Another server has installed the snapshot up to `index`, or `None` if it has not, and will not.
    pub fn on_installed(
        &mut self,
        from: NodeId,
        sent: Sent,
        index: u64,
        reply: Option<InstallSnapshotResponse>,
    ) {
        if let Some(reply) = reply
            && reply.term > self.term
        {
            return self.become_follower(reply.term, None);
        }
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if sent.term != self.term {
            return;
        }
        if let Some(progress) = leader.progress.get_mut(&from)
            && progress.state == State::Snapshot
        {
            // The next heartbeat finds out what the server has now.
            progress.restart(State::Probe, progress.next, leader.sequence);
        }
        if reply.is_some() {
            self.acknowledge(from, index);
        }
    }
}
