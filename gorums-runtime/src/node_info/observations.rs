//! A node's latency and its latest failure.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tonic::Status;

use crate::metrics::NodeMeter;

/// The weight of a new measurement in the moving average of a latency, as in Gorums (2026).
const WEIGHT: f64 = 0.2;

/// What calls have measured of one node: how fast it answers, and how it failed last.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Observations {
    /// In nanoseconds.
    latency: AtomicU64,
    /// In nanoseconds.
    opening_time: AtomicU64,
    last_error: Mutex<Option<LastError>>,
    meter: NodeMeter,
}

/// How a node failed last.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LastError {
    /// The status that a call failed with.
    pub status: Status,
    /// When it failed.
    pub at: SystemTime,
}

impl Observations {
    const UNMEASURED: u64 = u64::MAX;

    /// None yet. `meter` counts them, too.
    pub(crate) fn new(meter: NodeMeter) -> Self {
        Self {
            latency: AtomicU64::new(Self::UNMEASURED),
            opening_time: AtomicU64::new(Self::UNMEASURED),
            last_error: Mutex::new(None),
            meter,
        }
    }

    /// Records a failure.
    pub(crate) fn fail(&self, status: Status) {
        self.meter.fail(&status);
        *self.lock() = Some(LastError {
            status,
            at: SystemTime::now(),
        });
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        Self::measured(&self.latency)
    }

    pub(crate) fn opening_time(&self) -> Option<Duration> {
        Self::measured(&self.opening_time)
    }

    pub(crate) fn last_error(&self) -> Option<LastError> {
        self.lock().clone()
    }

    /// Records the time until a reply.
    pub(crate) fn measure(&self, latency: Duration) {
        self.meter.reply(latency);
        let nanoseconds = Self::nanoseconds(latency);
        let average = |before| {
            Some(match before {
                Self::UNMEASURED => nanoseconds,
                before => (before as f64 * (1.0 - WEIGHT) + nanoseconds as f64 * WEIGHT) as u64,
            })
        };
        // Concurrent measurements all count, in any order. It never fails, since there is always an average.
        let _ = self
            .latency
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, average);
    }

    /// What else counts the replies and failures.
    pub(crate) fn meter(&self) -> &NodeMeter {
        &self.meter
    }

    /// Records the time to open a stream.
    pub(crate) fn open(&self, time: Duration) {
        self.opening_time
            .store(Self::nanoseconds(time), Ordering::Relaxed);
    }

    fn nanoseconds(time: Duration) -> u64 {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanoseconds.min(Self::UNMEASURED - 1)
    }

    fn measured(nanoseconds: &AtomicU64) -> Option<Duration> {
        match nanoseconds.load(Ordering::Relaxed) {
            Self::UNMEASURED => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<LastError>> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_unmeasured_then_the_first_measurement_then_a_moving_average() {
        let observations = Observations::new(NodeMeter::default());
        assert_eq!(observations.latency(), None);
        observations.measure(Duration::from_millis(10));
        assert_eq!(observations.latency(), Some(Duration::from_millis(10)));
        observations.measure(Duration::from_millis(20));
        assert_eq!(observations.latency(), Some(Duration::from_millis(12)));
        observations.measure(Duration::MAX);
        assert!(observations.latency() > Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_success_is_measured_and_a_failure_is_kept() {
        let observations = Observations::new(NodeMeter::default());
        observations.fail(Status::internal("broken"));
        assert_eq!(observations.latency(), None);
        let last = observations.last_error().expect("a failure");
        assert_eq!(last.status.message(), "broken");
        observations.measure(Duration::from_millis(5));
        assert_eq!(observations.latency(), Some(Duration::from_millis(5)));
        assert!(observations.last_error().is_some());
    }
}
