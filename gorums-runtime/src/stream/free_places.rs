//! The places of a table that are free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many lists there are.
const LISTS: usize = 8;

/// The places of a table that are free. The one that was taken last is the next to be.
///
/// There are several lists, and each thread has one of them, for all calls begin and end here: a thread then takes a place
/// whose memory is in the caches of its own processor.
#[derive(Debug, Default)]
pub(super) struct FreePlaces([List; LISTS]);

/// A list in memory that no other shares a line of cache with.
#[derive(Debug, Default)]
#[repr(align(128))]
struct List(Mutex<Vec<usize>>);

impl FreePlaces {
    /// Adds a place.
    pub(super) fn push(&self, place: usize) {
        self.0[own()].lock().push(place);
    }

    /// Takes a place: one that another thread has left only if there is no other.
    pub(super) fn pop(&self) -> Option<usize> {
        let (others, first) = self.0.split_at(own());
        let mut lists = first.iter().chain(others);
        lists.find_map(|list| list.lock().pop())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|list| list.lock().len()).sum()
    }
}

impl List {
    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The index of this thread's list.
fn own() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = THREADS.fetch_add(1, Ordering::Relaxed) % LISTS;
    }
    // There is none while the thread ends.
    OWN.try_with(|own| *own).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_thread_leaves_another_takes() {
        let free = FreePlaces::default();
        let places = 0..3 * LISTS;
        std::thread::scope(|scope| {
            for place in places.clone() {
                let free = &free;
                scope.spawn(move || free.push(place));
            }
        });
        assert_eq!(free.len(), places.len());
        let mut taken: Vec<usize> = std::iter::from_fn(|| free.pop()).collect();
        taken.sort_unstable();
        assert_eq!(taken, Vec::from_iter(places));
    }
}
