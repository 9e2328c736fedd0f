//! What is kept for each method.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many places there are. A power of two.
const PLACES: usize = 128;

/// In how many places a method may be.
const PROBES: usize = 8;

/// What is kept for each method, by the method's name, which is part of the program.
///
/// A method is usually found by the address of its name, without a lock. The compiler may put several copies of a name
/// into a program, so that one method may have several places.
#[derive(Debug)]
pub(super) struct MethodTable<T> {
    places: [OnceLock<(&'static str, Arc<T>)>; PLACES],
    all: Mutex<BTreeMap<&'static str, Arc<T>>>,
}

impl<T> Default for MethodTable<T> {
    fn default() -> Self {
        Self {
            places: [const { OnceLock::new() }; PLACES],
            all: Mutex::default(),
        }
    }
}

impl<T: Default> MethodTable<T> {
    /// What is kept for the method of this name.
    #[inline]
    pub(super) fn with<R>(&self, name: &'static str, see: impl FnOnce(&Arc<T>) -> R) -> R {
        // The upper bits of the product depend on all bits of the address.
        let hash = (name.as_ptr().addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let first = (hash >> (u64::BITS - PLACES.ilog2())) as usize;
        for probe in 0..PROBES {
            let place = &self.places[(first + probe) % PLACES];
            let (known, kept) = place.get_or_init(|| (name, self.locked(name)));
            if std::ptr::eq(*known, name) {
                return see(kept);
            }
        }
        see(&self.locked(name))
    }

    #[cold]
    fn locked(&self, name: &'static str) -> Arc<T> {
        Arc::clone(self.lock().entry(name).or_default())
    }
}

impl<T> MethodTable<T> {
    /// All methods that were asked for, in the order of their names.
    pub(super) fn all(&self) -> BTreeMap<&'static str, Arc<T>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Arc<T>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_method_is_found_by_its_name_wherever_that_is() {
        let table = MethodTable::<AtomicUsize>::default();
        let names = (0..400).map(|number| format!("p.S/M{}", number % 200));
        let names: Vec<&'static str> = names.map(|name| &*name.leak()).collect();
        for name in names.iter().chain(&names) {
            table.with(name, |count| count.fetch_add(1, Ordering::Relaxed));
        }
        let all = table.all();
        assert_eq!(all.len(), 200);
        assert!(all.values().all(|count| count.load(Ordering::Relaxed) == 4));
    }
}
