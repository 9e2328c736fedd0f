//! Log replication by the leader (section 5.3), pipelined (dissertation, section 10.2.1).

use gorums_runtime::NodeId;
use gorums_runtime::prost::Message as _;

use crate::leader::Leader;
use crate::log::EntryId;
use crate::output::{Message, Request, Sent, Ticket, Write};
use crate::progress::State;
use crate::proto::entry::Payload;
use crate::proto::{AppendEntriesRequest, AppendEntriesResponse, Entry};
use crate::raft::{Raft, Role};

impl Raft {
    /// Begins the term with an entry of its own, which commits all that earlier terms have left (section 8).
    pub(crate) fn become_leader(&mut self) {
        let first_index = self.log.last().index + 1;
        let quorums = self.members().quorums_with(self.flaw);
        self.leader = Some(self.id);
        self.elapsed = 0;
        self.role = Role::Leader(Box::new(Leader::new(first_index, quorums)));
        self.members_changed(first_index);
        self.append(None);
        self.heartbeat();
    }

    /// Appends a client's entry. The client gets its answer when the entry is applied.
    pub(crate) fn propose(&mut self, ticket: Ticket, payload: Payload) {
        let index = self.append(Some(payload));
        if let Role::Leader(leader) = &mut self.role {
            leader.proposed.insert(index, ticket);
        }
    }

    /// Appends an entry to the leader's log, and replicates it. Returns its index.
    pub(crate) fn append(&mut self, payload: Option<Payload>) -> u64 {
        let index = self.log.last().index + 1;
        let term = self.term;
        let entry = Entry {
            index,
            term,
            payload,
        };
        self.write(Write::Entry(entry.clone()));
        let changes_members = matches!(entry.payload, Some(Payload::Configuration(_)));
        self.log.append(entry);
        if changes_members {
            self.members_changed(index);
        }
        for peer in self.peers() {
            self.replicate_to(peer);
        }
        index
    }

    /// Sends the entries that a server lacks, as far as its window allows.
    fn replicate_to(&mut self, to: NodeId) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(progress) = leader.progress.get_mut(&to) else {
            return;
        };
        let last_index = self.log.last().index;
        while progress.may_send(&self.options) && progress.next <= last_index {
            let prev_log_index = progress.next - 1;
            let Some(prev_log_term) = self.log.term(prev_log_index) else {
                // The entry was discarded meanwhile. A probe finds that out.
                progress.restart(State::Probe, progress.next, leader.sequence);
                return;
            };
            let mut bytes = 0;
            let mut entries = Vec::new();
            for entry in self.log.from(progress.next) {
                if bytes >= self.options.batch_bytes {
                    break;
                }
                bytes += entry.encoded_len();
                entries.push(entry.clone());
            }
            leader.sequence += 1;
            let last = prev_log_index + entries.len() as u64;
            progress.sent(leader.sequence, last, bytes);
            let request = AppendEntriesRequest {
                term: self.term,
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit: self.commit_index,
            };
            let sent = Sent {
                term: self.term,
                sequence: leader.sequence,
            };
            let request = Request::AppendEntries(request, sent);
            self.output.messages.push(Message { to, request });
        }
    }

    /// Begins a round of heartbeats.
    pub(crate) fn heartbeat(&mut self) {
        if let Role::Leader(leader) = &mut self.role {
            // The leader's own part in the round.
            leader.sequence += 1;
            leader.round = leader.sequence;
            leader.ticks_since_heartbeat = 0;
            for peer in self.peers() {
                self.probe(peer);
            }
            self.confirm(self.id, 0);
        }
    }

    /// Sends an AppendEntries without entries: a heartbeat, which also finds out where the logs part.
    fn probe(&mut self, to: NodeId) {
        let (start, last) = (self.log.start().index, self.log.last().index);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(progress) = leader.progress.get(&to) else {
            return;
        };
        let prev_log_index = (progress.next - 1).clamp(start, last);
        leader.sequence += 1;
        let request = AppendEntriesRequest {
            term: self.term,
            prev_log_index,
            prev_log_term: self.log.term(prev_log_index).unwrap_or_default(),
            entries: Vec::new(),
            leader_commit: self.commit_index,
        };
        let sent = Sent {
            term: self.term,
            sequence: leader.sequence,
        };
        self.send(to, Request::AppendEntries(request, sent));
    }

    /// Sends heartbeats, and steps down if no quorum has answered for an election time-out (dissertation, section 6.2).
    pub(crate) fn tick_leader(&mut self) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        leader.ticks_since_heartbeat += 1;
        if self.elapsed >= self.options.election_ticks {
            self.elapsed = 0;
            if leader.confirmed.committed() < leader.check {
                return self.become_follower(self.term, None);
            }
            leader.check = leader.sequence + 1;
        }
        if leader.ticks_since_heartbeat >= self.options.heartbeat_ticks {
            self.heartbeat();
        }
    }

    /// Another server has answered an AppendEntries, or `None` if it has not, and will not.
    pub fn on_appended(&mut self, from: NodeId, sent: Sent, reply: Option<AppendEntriesResponse>) {
        if let Some(reply) = &reply
            && reply.term > self.term
        {
            return self.become_follower(reply.term, None);
        }
        let last = self.log.last();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(progress) = leader.progress.get_mut(&from) else {
            return;
        };
        if sent.term != self.term {
            return;
        }
        progress.answered(sent.sequence);
        let is_current = progress.is_current(sent.sequence);
        let matching = leader.acknowledged.of(&from).unwrap_or_default();
        match reply {
            None if is_current && progress.state == State::Replicate => {
                progress.restart(State::Probe, matching + 1, leader.sequence);
            }
            None => return,
            Some(reply) if reply.success && reply.index <= last.index => {
                progress.next = progress.next.max(reply.index + 1);
                if progress.state == State::Probe && is_current {
                    progress.restart(State::Replicate, reply.index + 1, leader.sequence);
                }
                self.acknowledge(from, reply.index);
            }
            Some(reply) if is_current && progress.state != State::Snapshot => {
                let possible = self.log.last_possible(reply.index, reply.index_term);
                let next = possible.index.max(matching) + 1;
                progress.restart(State::Probe, next, leader.sequence);
                let start = self.log.start();
                let place = EntryId {
                    index: reply.index,
                    term: reply.index_term,
                };
                // The logs part before this one begins.
                let is_behind = place.index < start.index
                    || place.index == start.index && place.term != start.term;
                if is_behind && matching < start.index {
                    self.send_snapshot(from);
                } else {
                    self.probe(from);
                }
            }
            Some(_) => {}
        }
        if reply.is_some() {
            self.confirm(from, sent.sequence);
        }
        self.replicate_to(from);
    }
}
