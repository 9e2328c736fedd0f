//! How long a node takes whose replies come too late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a request is waited for before another one is measured in its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// The request to a node that is being measured, if there is one.
///
/// A call that is decided leaves nothing behind, so that the late reply of a slow node would tell nothing of it. One
/// request at a time is therefore remembered beyond its call.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The request's number, for the quick look that most replies get; 0 is none.
    number: AtomicU64,
    sent: Mutex<Option<Instant>>,
}

impl Probe {
    /// Measures the request with this number, unless another one is being measured.
    pub(crate) fn start(&self, number: u64) {
        if self.number.load(Ordering::Relaxed) != 0 && !self.is_overdue() {
            return;
        }
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.number.store(number, Ordering::Relaxed);
    }

    /// When the request with this number was sent, if it was the one that is measured. It no longer is.
    pub(crate) fn end(&self, number: u64) -> Option<Instant> {
        if self.number.load(Ordering::Relaxed) != number {
            return None;
        }
        let sent = self
            .sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.number.store(0, Ordering::Relaxed);
        sent
    }

    fn is_overdue(&self) -> bool {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.is_none_or(|sent| sent.elapsed() > PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_request_at_a_time_is_measured_and_one_that_is_lost_is_replaced() {
        let probe = Probe::default();
        let start = Instant::now();
        probe.start(1);
        probe.start(2);
        assert_eq!(probe.end(2), None);
        assert_eq!(probe.end(1), Some(start));
        assert_eq!(probe.end(1), None);

        probe.start(3);
        tokio::time::advance(2 * PATIENCE).await;
        probe.start(4);
        assert_eq!(probe.end(3), None);
        assert_eq!(probe.end(4), Some(Instant::now()));
    }
}
