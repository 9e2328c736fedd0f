//! The log: entries from some index on, and which configuration is in effect.

use std::collections::VecDeque;

use crate::configuration::Members;
use crate::proto::entry::Payload;
use crate::proto::{Entry, LogStart};

/// The index and term of an entry. The default is the place before the first entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryId {
    /// From 1 on.
    pub index: u64,
    /// The term of the leader that made the entry.
    pub term: u64,
}

/// The entries that follow the last one that was discarded.
#[derive(Clone, Debug)]
pub struct Log {
    /// The last entry that was discarded.
    start: EntryId,
    entries: VecDeque<Entry>,
    /// The configurations by the indices of their entries, in ascending order. The last one is in effect: a server uses
    /// the latest configuration in its log, whether or not it is committed (section 6). Never empty.
    configurations: Vec<(u64, Members)>,
}

impl Log {
    /// A log that begins after `start`. `configuration` is that of the entry with the given index.
    pub fn new(start: EntryId, configuration: (u64, Members)) -> Self {
        Self {
            start,
            entries: VecDeque::new(),
            configurations: vec![configuration],
        }
    }

    /// The last entry that was discarded.
    pub fn start(&self) -> EntryId {
        self.start
    }

    /// The last entry.
    pub fn last(&self) -> EntryId {
        self.entries.back().map_or(self.start, Entry::id)
    }

    /// The term of an entry. `None` if it was discarded or does not exist. The last discarded one still has its term.
    pub fn term(&self, index: u64) -> Option<u64> {
        match index == self.start.index {
            true => Some(self.start.term),
            false => self.get(index).map(|entry| entry.term),
        }
    }

    /// An entry. `None` if it was discarded or does not exist.
    pub fn get(&self, index: u64) -> Option<&Entry> {
        let at = index.checked_sub(self.start.index)?.checked_sub(1)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// The entries from an index on.
    pub fn from(&self, index: u64) -> impl Iterator<Item = &Entry> {
        let skipped = index.saturating_sub(self.start.index + 1);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        self.entries.range(skipped.min(self.entries.len())..)
    }

    /// The members in effect, and the index of the entry that made them so.
    pub fn configuration(&self) -> &(u64, Members) {
        self.configurations.last().expect("there is always one")
    }

    /// The members that are in effect at an index that was not discarded.
    pub fn configuration_at(&self, index: u64) -> &Members {
        let mut until = self.configurations.iter().rev();
        let found = until.find(|(at, _)| *at <= index);
        &found.unwrap_or(&self.configurations[0]).1
    }

    /// The members in effect at an index, and all later ones.
    pub(crate) fn configurations_since(&self, index: u64) -> impl Iterator<Item = &Members> {
        let later = self.configurations.partition_point(|(at, _)| *at <= index);
        let since = &self.configurations[later.saturating_sub(1)..];
        since.iter().map(|(_, members)| members)
    }

    /// Appends the entry that follows the last one.
    pub fn append(&mut self, entry: Entry) {
        let known = self.configuration().0;
        if let Some(Payload::Configuration(configuration)) = &entry.payload
            && entry.index > known
        {
            self.configurations
                .push((entry.index, configuration.clone().into()));
        }
        self.entries.push_back(entry);
    }

    /// Removes the entries from an index on, which are not committed.
    pub fn truncate(&mut self, from: u64) {
        let kept = from.saturating_sub(self.start.index + 1);
        self.entries
            .truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        let first = self.configurations[0].clone();
        self.configurations.retain(|(at, _)| *at < from);
        if self.configurations.is_empty() {
            self.configurations.push(first);
        }
    }

    /// Discards the entries up to one, which a snapshot has. Returns their indices.
    pub fn discard(&mut self, through: u64) -> std::ops::RangeInclusive<u64> {
        let from = self.start.index + 1;
        while let Some(first) = self.entries.front()
            && first.index <= through
        {
            self.start = first.id();
            self.entries.pop_front();
        }
        let through = self.start.index;
        let past = self
            .configurations
            .partition_point(|(at, _)| *at <= through);
        self.configurations.drain(..past.saturating_sub(1));
        from..=through
    }

    /// The last entry up to `index` whose term is at most `term`: the greatest place at which a log that has `term` at
    /// `index` can be equal to this one.
    pub fn last_possible(&self, index: u64, term: u64) -> EntryId {
        let from = index.min(self.last().index);
        let mut back = (self.start.index + 1..=from).rev();
        let found = back.find_map(|at| self.get(at).filter(|entry| entry.term <= term));
        found.map_or(self.start, Entry::id)
    }

    /// Whether a log that ends with `other` is at least as up to date as this one (section 5.4.1).
    pub fn is_not_ahead_of(&self, other: EntryId) -> bool {
        let last = self.last();
        (other.term, other.index) >= (last.term, last.index)
    }
}

impl Entry {
    /// The index and the term.
    pub fn id(&self) -> EntryId {
        EntryId {
            index: self.index,
            term: self.term,
        }
    }
}

impl From<LogStart> for EntryId {
    fn from(LogStart { index, term }: LogStart) -> Self {
        Self { index, term }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Configuration, Member};

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::new(EntryId::default(), (0, Members::default()));
        for (index, &term) in (1..).zip(terms) {
            log.append(Entry {
                index,
                term,
                payload: None,
            });
        }
        log
    }

    #[test]
    fn a_log_backs_up_by_a_term_at_a_time() {
        let log = log(&[1, 1, 4, 4, 5]);
        let possible = |index, term| log.last_possible(index, term).index;
        assert_eq!(possible(5, 4), 4);
        assert_eq!(possible(9, 3), 2);
        assert_eq!(possible(4, 6), 4);
        assert_eq!(possible(4, 0), 0);
    }

    #[test]
    fn entries_are_found_after_others_were_discarded() {
        let mut log = log(&[1, 1, 2, 2, 3]);
        assert_eq!(log.discard(3), 1..=3);
        assert_eq!(log.start(), EntryId { index: 3, term: 2 });
        let terms = [2, 3, 4, 5, 6].map(|index| log.term(index));
        assert_eq!(terms, [None, Some(2), Some(2), Some(3), None]);
        assert_eq!(log.from(0).count(), 2);
        log.truncate(5);
        assert_eq!(log.last(), EntryId { index: 4, term: 2 });
    }

    #[test]
    fn the_latest_configuration_of_the_log_is_in_effect() {
        let mut log = log(&[1]);
        let members = vec![Member {
            id: 7,
            address: String::new(),
        }];
        let configuration = Configuration {
            members,
            next: Vec::new(),
        };
        log.append(Entry {
            index: 2,
            term: 1,
            payload: Some(Payload::Configuration(configuration)),
        });
        assert_eq!(log.configuration().0, 2);
        assert_eq!(log.configuration_at(1), &Members::default());
        log.truncate(2);
        assert_eq!(log.configuration(), &(0, Members::default()));
    }
}
