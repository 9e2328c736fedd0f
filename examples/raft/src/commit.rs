//! Which entries are committed (sections 5.3 and 5.4.2), and their application.

use gorums_runtime::NodeId;

use crate::flaw::Flaw;
use crate::proto::client_response::Outcome;
use crate::raft::{Raft, Role};
use crate::state_machine::Applied;

impl Raft {
    /// A member's log equals the leader's up to `index`, and is durable. Commits what a quorum has, if the leader's own
    /// term is reached: an entry of an older term may be replaced even though a majority has it (figure 8).
    pub(crate) fn acknowledge(&mut self, member: NodeId, index: u64) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let acknowledged = leader.acknowledged.acknowledge(&member, index);
        let is_own_term = self.log.term(acknowledged) == Some(self.term);
        if is_own_term || self.flaw == Some(Flaw::OldTermCounted) {
            self.commit_to(acknowledged);
        }
    }

    /// Applies the entries up to `index`, as far as they are there.
    pub(crate) fn commit_to(&mut self, index: u64) {
        while self.commit_index < index
            && let Some(entry) = self.log.get(self.commit_index + 1)
        {
            let applied = self.machine.apply(entry);
            self.commit_index += 1;
            self.answer_proposal(applied);
        }
        self.complete_change();
        self.answer_reads();
        self.compact();
    }

    /// Tells the client that waits for the entry that was committed last. The members' change is answered when it is
    /// complete.
    fn answer_proposal(&mut self, applied: Applied) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if self.log.configuration_at(self.commit_index).is_joint() && applied == Applied::Nothing {
            return;
        }
        if let Some(ticket) = leader.proposed.remove(&self.commit_index) {
            let outcome = match applied {
                Applied::Registered(client_id) => Outcome::ClientId(client_id),
                Applied::Changed(changed) => Outcome::Changed(changed),
                Applied::Refused(refusal) => Outcome::Refusal(refusal.into()),
                Applied::Nothing => Outcome::MembersChanged(()),
            };
            self.answer(ticket, outcome);
        }
    }
}
