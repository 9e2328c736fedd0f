//! The latencies of the last seconds.

use std::time::Duration;

use tokio::time::Instant;

/// So long each of the two halves of a window lasts.
const HALF: Duration = Duration::from_secs(10);

/// So many latencies make a percentile.
const ENOUGH: u32 = 100;

/// Each power of two nanoseconds has so many buckets, so that a percentile is at most 1/8 too long.
const PARTS: u32 = 8;
const BUCKETS: usize = (u64::BITS * PARTS) as usize;

/// A histogram of the latencies of the last ten to twenty seconds.
#[derive(Debug)]
pub(super) struct Window {
    began: Instant,
    now: Half,
    before: Half,
}

#[derive(Clone, Debug)]
struct Half {
    counts: Box<[u32; BUCKETS]>,
    total: u32,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            now: Half::new(),
            before: Half::new(),
        }
    }

    pub(super) fn add(&mut self, latency: Duration) {
        self.slide();
        self.now.counts[bucket(latency)] += 1;
        self.now.total += 1;
    }

    /// The time within which this share of the replies came. `None` if there were too few.
    pub(super) fn percentile(&mut self, share: f64) -> Option<Duration> {
        self.slide();
        let total = self.now.total + self.before.total;
        if total < ENOUGH {
            return None;
        }
        let rank = (f64::from(total) * share).ceil() as u32;
        let mut below = 0;
        let counts = self.now.counts.iter().zip(self.before.counts.iter());
        let at = counts.map(|(now, before)| now + before).position(|count| {
            below += count;
            below >= rank
        });
        at.map(upper_bound)
    }

    fn slide(&mut self) {
        let passed = self.began.elapsed();
        if passed < HALF {
            return;
        }
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.clear();
        if passed >= 2 * HALF {
            self.before.clear();
        }
        self.began = Instant::now();
    }
}

impl Half {
    fn new() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
        }
    }

    fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }
}

fn bucket(latency: Duration) -> usize {
    let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
    let power = nanoseconds.ilog2();
    // The bits below the highest one, as far as they tell the part.
    let part = match power.checked_sub(PARTS.ilog2()) {
        Some(shift) => (nanoseconds >> shift) % u64::from(PARTS),
        None => 0,
    };
    (power * PARTS) as usize + part as usize
}

/// The longest latency of a bucket.
fn upper_bound(bucket: usize) -> Duration {
    let (power, part) = (bucket as u32 / PARTS, bucket as u32 % PARTS);
    let parts = 2f64.powi(power as i32) * (1.0 + f64::from(part + 1) / f64::from(PARTS));
    Duration::from_nanos(parts as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn percentiles_are_at_most_an_eighth_too_long() {
        let mut window = Window::new();
        for micros in 1..=1000 {
            window.add(Duration::from_micros(micros));
        }
        for (share, exact) in [(0.5, 500), (0.9, 900), (0.99, 990)] {
            let exact = Duration::from_micros(exact);
            let percentile = window.percentile(share);
            assert!(percentile >= Some(exact), "{percentile:?}");
            assert!(percentile <= Some(exact.mul_f64(1.126)), "{percentile:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn extreme_latencies_have_buckets() {
        let mut window = Window::new();
        for _ in 0..100 {
            window.add(Duration::ZERO);
        }
        assert!(window.percentile(0.99) < Some(Duration::from_nanos(10)));
        for _ in 0..100 {
            window.add(Duration::MAX);
        }
        assert!(window.percentile(0.99) > Some(Duration::from_secs(3600)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_old_or_too_little_does_not_count() {
        let mut window = Window::new();
        for _ in 0..99 {
            window.add(Duration::from_millis(1));
        }
        assert_eq!(window.percentile(0.5), None);
        tokio::time::advance(HALF).await;
        window.add(Duration::from_millis(1));
        assert!(window.percentile(0.5).is_some());
        tokio::time::advance(HALF).await;
        assert_eq!(window.percentile(0.5), None);
    }
}
