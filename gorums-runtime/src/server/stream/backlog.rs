//! The requests of a stream that wait for their turn.

use std::collections::VecDeque;

use bytes::Bytes;

use super::limits::StreamLimits;
use crate::stream::Entry;

/// What a request says besides its payload.
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) callee: Callee,
    pub(super) entries: Vec<Entry>,
}

/// What a request calls.
pub(super) enum Callee {
    /// The method at this index.
    Method(usize),
    /// None that there is, by this name.
    Unknown(Box<[u8]>),
}

/// A request that waits for its turn.
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) payload: Bytes,
}

/// Requests that wait for their turn.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl Waiting {
    /// About how many bytes of memory it keeps.
    fn size(&self) -> usize {
        let name = match &self.request.callee {
            Callee::Method(_) => 0,
            Callee::Unknown(name) => name.len(),
        };
        let entries = self.request.entries.iter();
        let size_of = |entry: &Entry| size_of::<Entry>() + entry.key.len() + entry.value.len();
        name + self.payload.len() + entries.map(size_of).sum::<usize>()
    }
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_room(&self, limits: &StreamLimits) -> bool {
        self.waiting.len() < limits.backlog && self.bytes < limits.backlog_bytes
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.size();
        self.waiting.push_back(waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.bytes -= waiting.size();
        Some(waiting)
    }

    pub(super) fn remove(&mut self, number: u64) {
        // Calls are mostly withdrawn in the order in which they were made: it is one of the first.
        let mut waiting = self.waiting.iter();
        let index = waiting.position(|waiting| waiting.request.number == number);
        if let Some(waiting) = index.and_then(|index| self.waiting.remove(index)) {
            self.bytes -= waiting.size();
        }
    }
}
