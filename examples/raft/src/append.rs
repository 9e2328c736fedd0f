//! AppendEntries at a follower (section 5.3).

use gorums_runtime::NodeId;

use crate::log::EntryId;
use crate::output::Write;
use crate::proto::{AppendEntriesRequest, AppendEntriesResponse, Entry};
use crate::raft::{Raft, Violation};

impl Raft {
    /// A leader sends entries. The reply must not leave before all writes are durable.
    ///
    /// # Errors
    ///
    /// See [`Violation`].
    pub fn on_append_entries(
        &mut self,
        from: NodeId,
        request: AppendEntriesRequest,
    ) -> Result<AppendEntriesResponse, Violation> {
        check_order(&request)?;
        if !self.follow(from, request.term)? {
            return Ok(AppendEntriesResponse {
                term: self.term,
                ..AppendEntriesResponse::default()
            });
        }
        let prev = request.prev_log_index;
        let last_new = prev + request.entries.len() as u64;
        // What is committed equals the leader's log, whether or not this server still has it.
        let is_equal =
            prev <= self.commit_index || self.log.term(prev) == Some(request.prev_log_term);
        let place = match is_equal {
            true => {
                for entry in request.entries {
                    self.accept(entry)?;
                }
                self.commit_to(request.leader_commit.min(last_new));
                EntryId {
                    index: last_new,
                    term: 0,
                }
            }
            false => self.log.last_possible(prev, request.prev_log_term),
        };
        Ok(AppendEntriesResponse {
            term: request.term,
            success: is_equal,
            index: place.index,
            index_term: place.term,
        })
    }

    /// Appends an entry unless it is there. Removes entries that conflict with it.
    fn accept(&mut self, entry: Entry) -> Result<(), Violation> {
        if entry.index <= self.log.start().index || self.log.term(entry.index) == Some(entry.term) {
            return Ok(());
        }
        if entry.index <= self.commit_index {
            return Err(Violation::CommittedConflict(entry.index));
        }
        let last = self.log.last().index;
        if entry.index <= last {
            self.log.truncate(entry.index);
            for index in entry.index + 1..=last {
                self.write(Write::Remove(index));
            }
        }
        self.write(Write::Entry(entry.clone()));
        self.log.append(entry);
        Ok(())
    }
}

/// Checks that indices follow each other, and that terms do not fall.
fn check_order(request: &AppendEntriesRequest) -> Result<(), Violation> {
    let mut prev = (request.prev_log_index, request.prev_log_term);
    for entry in &request.entries {
        let next = prev.0.checked_add(1);
        if next != Some(entry.index) || entry.term < prev.1 {
            return Err(Violation::EntriesOutOfOrder);
        }
        prev = (entry.index, entry.term);
    }
    match prev.1 <= request.term {
        true => Ok(()),
        false => Err(Violation::EntriesOutOfOrder),
    }
}
