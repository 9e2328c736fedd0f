//! Changes of the members by joint consensus (section 6).
//!
//! The leader appends "C_old,new", whose quorums are a majority of the old members and one of the new ones. Once it is
//! committed, the leader appends "C_new". A server uses the latest configuration in its log, committed or not.

use gorums_runtime::{Manager, NodeId};

use crate::configuration::Members;
use crate::flaw::Flaw;
use crate::output::Ticket;
use crate::proto::client_response::Outcome;
use crate::proto::entry::Payload;
use crate::proto::{Configuration, Refusal};
use crate::raft::{Raft, Role};

impl Raft {
    /// Begins a change of the members, unless another one is not yet complete.
    pub(crate) fn change_members(&mut self, ticket: Ticket, next: Configuration) {
        let addresses = next.members.iter();
        let addresses = addresses.map(|it| (NodeId::new(it.id), &it.address));
        let is_malformed = next.members.is_empty()
            || !next.next.is_empty()
            || Manager::check_nodes(addresses).is_err();
        if is_malformed {
            return self.answer(ticket, Outcome::Refusal(Refusal::Malformed.into()));
        }
        let (index, members) = self.log.configuration();
        // Before its first entry is committed, a leader does not know which configuration is.
        let is_settled = matches!(&self.role, Role::Leader(leader)
            if self.commit_index >= leader.first_index.max(*index) && !members.is_joint());
        if !is_settled {
            return self.answer(ticket, Outcome::Refusal(Refusal::ChangeUnderWay.into()));
        }
        let next = Members::from(next);
        let first = match self.flaw {
            Some(Flaw::NoJointConfiguration) => next,
            _ => members.joint_with(next),
        };
        self.propose(ticket, Payload::Configuration((&first).into()));
    }

    /// Goes on with a change whose joint configuration is committed. A leader that is no member any more steps down.
    pub(crate) fn complete_change(&mut self) {
        let (index, members) = self.log.configuration();
        let index = *index;
        if index > self.commit_index || !self.is_leader() {
            return;
        }
        if let Some(next) = members.next() {
            let next = self.append(Some(Payload::Configuration((&next).into())));
            if let Role::Leader(leader) = &mut self.role
                && let Some(ticket) = leader.proposed.remove(&index)
            {
                leader.proposed.insert(next, ticket);
            }
        } else if !members.contains(self.id) {
            self.become_follower(self.term, None);
        }
    }

    /// The leader uses the latest configuration of its log from now on, and sends new members what they lack from `next`
    /// on.
    pub(crate) fn members_changed(&mut self, next: u64) {
        let peers: Vec<NodeId> = self.peers();
        let quorums = self.members().quorums_with(self.flaw);
        if let Role::Leader(leader) = &mut self.role {
            leader.change_members(&peers, quorums, next);
        }
    }
}
