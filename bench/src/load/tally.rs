//! The outcomes of calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// How many latencies are buffered before they go to the histogram. A histogram is large, and a write to one that is
/// not in the cache takes longer than everything else that measuring a call takes.
const NOTED: usize = 128;

/// The latencies of calls, in nanoseconds, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    // No call takes more than a minute here; a longer one is counted as a minute.
    Histogram::new_with_bounds(1, 60_000_000_000, 3)
        .unwrap_or_else(|error| unreachable!("the bounds are valid: {error}"))
}

/// The calls of one task, or of a few tasks.
///
/// Each task has its own: at several hundred thousand calls per second, a shared one would dominate the measurement.
/// The lock is contended only at the end, when the tally is read while tasks may still run.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Mutex<Calls>>);

/// Calls that have ended.
pub(crate) struct Calls {
    /// The latencies of those that succeeded.
    pub(crate) latencies: Histogram<u64>,
    /// Latencies that are not in the histogram yet.
    noted: Vec<u64>,
    pub(crate) errors: u64,
    /// The text of the first error.
    pub(crate) error: Option<String>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Calls::new())))
    }

    pub(crate) fn take(&self, latency: Duration, outcome: Result<(), String>) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
                calls.noted.push(nanoseconds);
                if calls.noted.len() >= NOTED {
                    calls.count();
                }
            }
            Err(error) => {
                calls.errors += 1;
                calls.error.get_or_insert(error);
            }
        }
    }

    /// Whether a call has ended.
    pub(crate) fn has_calls(&self) -> bool {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.errors > 0 || !calls.noted.is_empty() || !calls.latencies.is_empty()
    }

    /// The calls of all tallies.
    pub(crate) fn sum(tallies: &[Self]) -> Calls {
        let mut sum = Calls::new();
        for tally in tallies {
            let mut calls = tally.0.lock().unwrap_or_else(PoisonError::into_inner);
            calls.count();
            // All have the same bounds.
            let _ = sum.latencies.add(&calls.latencies);
            sum.errors += calls.errors;
            sum.error = sum.error.or_else(|| calls.error.clone());
        }
        sum
    }
}

impl Calls {
    fn new() -> Self {
        Self {
            latencies: histogram(),
            noted: Vec::with_capacity(NOTED),
            errors: 0,
            error: None,
        }
    }

    /// Moves the buffered latencies to the histogram.
    fn count(&mut self) {
        for nanoseconds in self.noted.drain(..) {
            self.latencies.saturating_record(nanoseconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_of_all_tasks_are_summed() {
        let tallies = [Tally::new(), Tally::new(), Tally::new()];
        for (tally, milliseconds) in tallies.iter().zip([1, 2, 3]) {
            tally.take(Duration::from_millis(milliseconds), Ok(()));
        }
        tallies[1].take(Duration::ZERO, Err("first".to_string()));
        tallies[1].take(Duration::ZERO, Err("second".to_string()));
        let sum = Tally::sum(&tallies);
        assert_eq!(sum.latencies.len(), 3);
        assert!(
            sum.latencies
                .equivalent(sum.latencies.value_at_quantile(0.5), 2_000_000)
        );
        assert_eq!((sum.errors, sum.error.as_deref()), (2, Some("first")));
    }

    #[test]
    fn many_calls_of_a_task_are_all_counted() {
        let tally = Tally::new();
        for _ in 0..3 * NOTED + 1 {
            tally.take(Duration::from_millis(1), Ok(()));
        }
        assert!(tally.has_calls());
        assert_eq!(Tally::sum(&[tally]).latencies.len(), 3 * NOTED as u64 + 1);
    }

    #[test]
    fn a_latency_beyond_the_bounds_counts_as_the_longest() {
        let tally = Tally::new();
        tally.take(Duration::from_secs(3600), Ok(()));
        let sum = Tally::sum(&[tally]);
        assert_eq!(sum.latencies.len(), 1);
        assert!(sum.latencies.max() >= 60_000_000_000);
    }
}
