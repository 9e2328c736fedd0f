//! A table that grows without moving its entries.

use std::iter;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of entries in the first chunk. Each further chunk has twice as many as the one before.
const FIRST: usize = 64;

/// The most chunks.
const CHUNKS: usize = 20;

/// A table that grows without moving its entries, so that lookups need no lock.
#[derive(Debug)]
pub(super) struct Places<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
    len: AtomicUsize,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            len: AtomicUsize::new(0),
        }
    }
}

impl<T: Default> Places<T> {
    /// Adds an entry, unless there are `most`. Returns its index.
    pub(super) fn grow(&self, most: usize) -> Option<usize> {
        let more = |len: usize| (len < most).then_some(len + 1);
        let index = self
            .len
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let index = index.ok()?;
        let (chunk, _) = position(index);
        let entries = || iter::repeat_with(T::default).take(FIRST << chunk).collect();
        self.chunks.get(chunk)?.get_or_init(entries);
        Some(index)
    }
}

impl<T> Places<T> {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The entry at `index`, if there is one.
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        let (chunk, offset) = position(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    /// All entries, including some that were not added yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().filter_map(OnceLock::get).flatten()
    }
}

/// The chunk of an entry, and its position there.
fn position(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST + 1).ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn entries_are_found_where_they_were_added() {
        let places = Places::<Mutex<usize>>::default();
        assert!(places.get(0).is_none());
        for expected in 0..10 * FIRST {
            let index = places.grow(usize::MAX).expect("there is room");
            assert_eq!(index, expected);
            *places
                .get(index)
                .expect("it was added")
                .lock()
                .expect("it is free") = index;
        }
        let all = places
            .iter()
            .map(|place| *place.lock().expect("it is free"));
        let all: Vec<usize> = all.take(places.len()).collect();
        assert_eq!(all, Vec::from_iter(0..10 * FIRST));
        assert!(places.get(usize::MAX).is_none());
    }

    #[test]
    fn there_are_no_more_than_so_many() {
        let places = Places::<u8>::default();
        assert_eq!([1, 1].map(|most| places.grow(most)), [Some(0), None]);
        assert_eq!(places.len(), 1);
    }
}
