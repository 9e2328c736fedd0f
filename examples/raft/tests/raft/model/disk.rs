//! A disk that writes when it is told to.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use raft::{Mark, Stored, Write};

use super::Flight;

/// What is durable, and what is not yet.
#[derive(Debug, Default)]
pub(crate) struct DiskModel {
    durable: Stored,
    entries: BTreeMap<u64, raft::proto::Entry>,
    batches: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    writes: Vec<Write>,
    mark: Mark,
    /// What may leave when the batch is durable.
    replies: Vec<Flight>,
}

impl DiskModel {
    pub(crate) fn commit(&mut self, writes: Vec<Write>, mark: Mark) {
        if !writes.is_empty() {
            let replies = Vec::new();
            self.batches.push_back(Batch {
                writes,
                mark,
                replies,
            });
        }
    }

    /// Holds a reply back until all batches are durable. Returns it if they are.
    pub(crate) fn hold(&mut self, reply: Flight) -> Option<Flight> {
        match self.batches.back_mut() {
            Some(last) => {
                last.replies.push(reply);
                None
            }
            None => Some(reply),
        }
    }

    /// Writes a batch, if there is one.
    pub(crate) fn write(&mut self) -> Option<(Mark, Vec<Flight>)> {
        let batch = self.batches.pop_front()?;
        for write in batch.writes {
            match write {
                Write::HardState(state) => self.durable.hard_state = state,
                Write::Entry(entry) => {
                    self.entries.insert(entry.index, entry);
                }
                Write::Remove(index) => {
                    self.entries.remove(&index);
                }
                Write::Start(start) => self.durable.start = start,
                Write::Snapshot(snapshot) => self.durable.snapshot = Some((*snapshot).clone()),
            }
        }
        Some((batch.mark, batch.replies))
    }

    /// Of the batches that are not durable, writes the first few, and loses the others. Returns the replies that do not
    /// leave any more.
    pub(crate) fn crash(&mut self, rng: &mut Rng) -> Vec<Flight> {
        let mut replies = Vec::new();
        for _ in 0..rng.usize(..=self.batches.len()) {
            replies.extend(self.write().into_iter().flat_map(|(_, held)| held));
        }
        let lost = self.batches.drain(..);
        replies.extend(lost.flat_map(|batch| batch.replies));
        replies
    }

    pub(crate) fn stored(&self) -> Stored {
        Stored {
            entries: self.entries.values().cloned().collect(),
            ..self.durable.clone()
        }
    }
}
