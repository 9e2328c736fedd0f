//! Leader election (section 5.2), with pre-vote (dissertation, section 9.6).

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{Quorums, Verdict, Votes};

use crate::flaw::Flaw;
use crate::log::EntryId;
use crate::output::Request;
use crate::proto::{RequestVoteRequest, RequestVoteResponse};
use crate::raft::{Raft, Role};

impl Raft {
    /// Asks the others whether they would vote for this server. A server that cannot win does not disturb the leader.
    pub(crate) fn pre_campaign(&mut self) {
        self.restart_timer();
        self.leader = None;
        if !self.may_lead() {
            return;
        }
        let mut votes = self.no_votes();
        let verdict = votes.yes(&self.id);
        self.role = Role::PreCandidate(votes);
        self.request_votes(self.term.saturating_add(1), true);
        self.conclude(verdict);
    }

    /// Whether the server is a member. One that is being removed is until that is known to be committed: it may be the
    /// only one that has the entry that removes it.
    fn may_lead(&self) -> bool {
        let mut configurations = self.log.configurations_since(self.commit_index);
        configurations.any(|members| members.contains(self.id))
    }

    /// Begins a term as a candidate, which votes for itself. It asks for votes when that is durable: otherwise it could
    /// campaign a second time in the same term after a crash.
    fn campaign(&mut self) {
        let Some(term) = self.term.checked_add(1) else {
            return;
        };
        self.restart_timer();
        self.term = term;
        self.voted_for = Some(self.id);
        self.role = Role::Candidate(self.no_votes());
        self.write_hard_state();
        if self.flaw == Some(Flaw::VoteNotPersisted) {
            self.ask_for_votes();
        }
    }

    /// Counts the candidate's own vote, and asks for those of the others.
    pub(crate) fn ask_for_votes(&mut self) {
        if let Role::Candidate(votes) = &mut self.role {
            let verdict = votes.yes(&self.id);
            self.request_votes(self.term, false);
            self.conclude(verdict);
        }
    }

    /// Another server asks for a vote.
    pub fn on_request_vote(
        &mut self,
        from: NodeId,
        request: RequestVoteRequest,
    ) -> RequestVoteResponse {
        let vote_granted = self.grants(from, request);
        if vote_granted && !request.pre_vote {
            self.restart_timer();
            if self.voted_for != Some(from) {
                self.voted_for = Some(from);
                self.write_hard_state();
            }
        }
        RequestVoteResponse {
            term: self.term,
            vote_granted,
        }
    }

    fn grants(&mut self, from: NodeId, request: RequestVoteRequest) -> bool {
        let last = EntryId {
            index: request.last_log_index,
            term: request.last_log_term,
        };
        let up_to_date = self.log.is_not_ahead_of(last) || self.flaw == Some(Flaw::LogNotCompared);
        let is_old = request.term < self.term && self.flaw != Some(Flaw::TermNotChecked);
        if is_old || self.has_leader() {
            return false;
        }
        if request.pre_vote {
            return up_to_date && request.term > self.term;
        }
        if request.term > self.term {
            self.become_follower(request.term, None);
        }
        up_to_date && self.voted_for.is_none_or(|vote| vote == from)
    }

    /// Another server has answered `asked`.
    pub fn on_vote(&mut self, from: NodeId, asked: RequestVoteRequest, reply: RequestVoteResponse) {
        if reply.term > self.term {
            return self.become_follower(reply.term, None);
        }
        let votes = match &mut self.role {
            Role::PreCandidate(votes) if asked.pre_vote && asked.term > self.term => votes,
            Role::Candidate(votes) if !asked.pre_vote && asked.term == self.term => votes,
            _ => return,
        };
        let verdict = match reply.vote_granted {
            true => votes.yes(&from),
            false => votes.no(&from),
        };
        self.conclude(verdict);
    }

    fn conclude(&mut self, verdict: Verdict) {
        match (verdict, &self.role) {
            (Verdict::Formed, Role::PreCandidate(_)) => self.campaign(),
            (Verdict::Formed, Role::Candidate(_)) => self.become_leader(),
            // The time-out begins another campaign.
            _ => {}
        }
    }

    fn request_votes(&mut self, term: u64, pre_vote: bool) {
        let last = self.log.last();
        let request = RequestVoteRequest {
            term,
            last_log_index: last.index,
            last_log_term: last.term,
            pre_vote,
        };
        for peer in self.peers() {
            self.send(peer, Request::RequestVote(request));
        }
    }

    fn no_votes(&self) -> Votes<Quorums<NodeId>> {
        Votes::new(self.members().quorums_with(self.flaw))
    }
}
