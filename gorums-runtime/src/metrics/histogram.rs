//! Durations, counted by how long they are.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::snapshot::Buckets;
use super::thread_number::{self, THREADS};

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// The upper bounds of the buckets, in nanoseconds: those that OpenTelemetry recommends for calls, and finer ones below,
/// because a quorum call often takes less than the smallest of them.
const BOUNDS: [u64; 22] = [
    10 * MICROSECOND,
    25 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    75 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    750 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
    5 * SECOND,
    7_500 * MILLISECOND,
    10 * SECOND,
];

/// Durations, counted by how long they are. To record one takes no lock, and usually no atomic operation that other threads
/// have to wait for: most threads have counters of their own.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    own: [OnceLock<Box<Counts>>; THREADS],
    /// Those of threads that have none of their own.
    shared: Counts,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Counts {
    /// The last bucket has what is beyond all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// In nanoseconds.
    sum: AtomicU64,
}

impl Histogram {
    #[inline]
    pub(super) fn record(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        match thread_number::own() {
            Some(number) => {
                let counts = self.own[number].get_or_init(Box::default);
                add_alone(&counts.buckets[bucket], 1);
                add_alone(&counts.sum, nanoseconds);
            }
            None => {
                self.shared.buckets[bucket].fetch_add(1, Ordering::Relaxed);
                self.shared.sum.fetch_add(nanoseconds, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn read(&self) -> Buckets {
        let mut counts = [0; BOUNDS.len() + 1];
        let mut sum = 0_u64;
        let own = self.own.iter().filter_map(OnceLock::get).map(|own| &**own);
        for part in own.chain([&self.shared]) {
            for (count, bucket) in counts.iter_mut().zip(&part.buckets) {
                *count += bucket.load(Ordering::Relaxed);
            }
            sum = sum.wrapping_add(part.sum.load(Ordering::Relaxed));
        }
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / SECOND as f64);
        Buckets {
            sum: sum as f64 / SECOND as f64,
            counts: bounds.chain([f64::INFINITY]).zip(counts).collect(),
        }
    }
}

/// Adds to a counter that no other thread changes.
#[inline]
fn add_alone(counter: &AtomicU64, more: u64) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(more);
    counter.store(sum, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_bucket_whose_bound_is_not_below_it() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 5_000, 10_000_000, 10_000_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let read = histogram.read();
        let counted = read.counts.iter().filter(|(_, count)| *count > 0);
        let counted: Vec<(f64, u64)> = counted.copied().collect();
        let expected = [
            (0.000_01, 2),
            (0.000_025, 1),
            (0.005, 1),
            (10.0, 1),
            (f64::INFINITY, 1),
        ];
        assert_eq!(counted, expected);
        assert_eq!(read.count(), 6);
        assert!((read.sum - 20.005_022).abs() < 1e-9, "{}", read.sum);
    }

    #[test]
    fn nothing_is_lost_however_many_threads_record() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            for _ in 0..3 * THREADS {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        histogram.record(Duration::from_micros(1));
                    }
                });
            }
        });
        let read = histogram.read();
        let expected = 3 * THREADS as u64 * 10_000;
        assert_eq!(read.count(), expected);
        assert!((read.sum - expected as f64 * 1e-6).abs() < 1e-6);
    }

    #[test]
    fn the_bounds_rise_and_include_those_that_opentelemetry_recommends() {
        assert!(BOUNDS.is_sorted());
        let recommended = [
            5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000,
        ];
        for millis in recommended {
            assert!(BOUNDS.contains(&(millis * MILLISECOND)), "{millis} ms");
        }
    }
}
