//! How far a server is behind its leader.

use std::collections::BTreeMap;

use crate::options::Options;

/// What a leader knows of another server's log.
#[derive(Debug)]
pub(crate) struct Progress {
    /// "nextIndex": the next entry to send.
    pub(crate) next: u64,
    pub(crate) state: State,
    /// Requests before this one do not say anything about the state any more.
    since: u64,
    /// The sizes of the requests with entries in flight, by their numbers.
    in_flight: BTreeMap<u64, usize>,
    bytes: usize,
}

/// What the leader sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Empty AppendEntries, until it knows where the logs part.
    Probe,
    /// Entries, one request after another, without waiting for replies.
    Replicate,
    /// A snapshot.
    Snapshot,
}

impl Progress {
    pub(crate) fn probing_from(next: u64) -> Self {
        Self {
            next,
            state: State::Probe,
            since: 0,
            in_flight: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Begins anew from `next`. What was sent up to `sequence` is out of date.
    pub(crate) fn restart(&mut self, state: State, next: u64, sequence: u64) {
        *self = Self {
            state,
            since: sequence + 1,
            ..Self::probing_from(next)
        };
    }

    /// Whether a request was sent since the last restart.
    pub(crate) fn is_current(&self, sequence: u64) -> bool {
        sequence >= self.since
    }

    pub(crate) fn may_send(&self, options: &Options) -> bool {
        self.state == State::Replicate
            && self.bytes < options.window_bytes
            && self.in_flight.len() < options.window_requests
    }

    /// Entries up to `last` are in flight.
    pub(crate) fn sent(&mut self, sequence: u64, last: u64, bytes: usize) {
        self.in_flight.insert(sequence, bytes);
        self.bytes += bytes;
        self.next = last + 1;
    }

    /// A request is not in flight any more.
    pub(crate) fn answered(&mut self, sequence: u64) {
        if let Some(bytes) = self.in_flight.remove(&sequence) {
            self.bytes -= bytes;
        }
    }
}
