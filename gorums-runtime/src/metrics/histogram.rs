//! Durations, counted by how long they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::snapshot::Buckets;

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

/// Durations, counted by how long they are. To record one takes no lock and allocates nothing.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Histogram {
    /// The last bucket has what is beyond all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// In nanoseconds.
    sum: AtomicU64,
}

impl Histogram {
    #[inline]
    pub(super) fn record(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Buckets {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / SECOND as f64);
        let counts = self.counts.iter().map(|it| it.load(Ordering::Relaxed));
        Buckets {
            sum: self.sum.load(Ordering::Relaxed) as f64 / SECOND as f64,
            counts: bounds.chain([f64::INFINITY]).zip(counts).collect(),
        }
    }
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
