//! The wait between failed attempts to connect to a node.

use std::time::Duration;

/// The wait before the next attempt to connect to a node after failed ones.
///
/// After the first failure in a row, the next attempt waits for `initial`. The wait doubles with each further failure,
/// up to `max`. A random part of up to half is taken off each wait, so that the clients of a failed node do not all
/// return to it at once. During the wait, calls to the node fail at once with `Unavailable` and the cause of the last
/// failure. Only calls cause attempts.
///
/// ```
/// use std::time::Duration;
/// use gorums_runtime::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
/// assert_eq!(backoff.max(), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

impl Backoff {
    /// Creates a back-off with a first wait of `initial`, at least a millisecond, and a longest wait of `max`, at least
    /// `initial`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        let initial = initial.max(Duration::from_millis(1));
        Self {
            initial,
            max: max.max(initial),
        }
    }

    /// Returns the wait after the first failure.
    pub fn initial(&self) -> Duration {
        self.initial
    }

    /// Returns the longest wait.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// Returns the wait after this number of `failures` in a row.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let doublings = 2u32.saturating_pow(failures.saturating_sub(1));
        let delay = self.initial.saturating_mul(doublings).min(self.max);
        delay.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// From 100 ms to 2 s: short enough that calls soon reach a node that has recovered.
impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_lose_up_to_half() {
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
        for (failures, longest) in [(1, 10), (2, 20), (3, 40), (4, 50), (u32::MAX, 50)] {
            let longest = Duration::from_millis(longest);
            for _ in 0..100 {
                let delay = backoff.delay(failures);
                assert!((longest / 2..=longest).contains(&delay), "{delay:?}");
            }
        }
    }

    #[test]
    fn delays_differ() {
        let delay = || Backoff::default().delay(1);
        assert!((0..100).any(|_| delay() != delay()));
    }

    #[test]
    fn bounds_are_brought_in_order() {
        let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        assert_eq!(backoff.initial(), Duration::from_millis(1));
        assert_eq!(backoff.max(), backoff.initial());
        let longest = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(longest.delay(1) <= Duration::MAX);
    }
}
