//! Numbers of threads, by which each has counters of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many threads may have counters of their own at once. Others share theirs.
pub(super) const THREADS: usize = 16;

/// The numbers that running threads have.
static TAKEN: Mutex<[bool; THREADS]> = Mutex::new([false; THREADS]);

thread_local! {
    static NUMBER: Number = Number::take();
}

/// The number of a thread, until the thread ends.
struct Number(Option<usize>);

impl Number {
    fn take() -> Self {
        let mut taken = taken();
        let free = taken.iter().position(|taken| !taken);
        if let Some(free) = free {
            taken[free] = true;
        }
        Self(free)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            taken()[number] = false;
        }
    }
}

fn taken() -> MutexGuard<'static, [bool; THREADS]> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number below [`THREADS`] that no other thread has while this one runs. `None` if there are too many threads, or this one
/// is ending.
#[inline]
pub(super) fn own() -> Option<usize> {
    NUMBER.try_with(|number| number.0).ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn no_two_threads_have_a_number_at_once_and_ended_ones_leave_theirs() {
        for _ in 0..3 {
            let all = Barrier::new(2 * THREADS);
            let numbers = thread::scope(|scope| {
                let threads = [(); 2 * THREADS].map(|()| {
                    scope.spawn(|| {
                        let number = own();
                        all.wait();
                        number
                    })
                });
                threads.map(|thread| thread.join().expect("no panic"))
            });
            let owned: Vec<usize> = numbers.into_iter().flatten().collect();
            let distinct: BTreeSet<_> = owned.iter().collect();
            assert_eq!(distinct.len(), owned.len());
            // Other tests may have some.
            assert!(!owned.is_empty() && owned.len() <= THREADS);
        }
    }
}
