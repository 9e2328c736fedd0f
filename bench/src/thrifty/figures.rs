//! What was measured of one kind of call.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::load::histogram;

/// What was measured of one kind of call, in all rounds together.
pub(super) struct Figures {
    latencies: Histogram<u64>,
    elapsed: Duration,
    requests: u64,
}

impl Figures {
    /// Of no calls.
    pub(super) fn new() -> Self {
        Self {
            latencies: histogram(),
            elapsed: Duration::ZERO,
            requests: 0,
        }
    }

    /// Adds the calls of a round: how long they took in nanoseconds, how long the round took, and how many requests the
    /// replicas got.
    pub(super) fn add(&mut self, latencies: &Histogram<u64>, elapsed: Duration, requests: u64) {
        // All have the same bounds.
        let _ = self.latencies.add(latencies);
        self.elapsed += elapsed;
        self.requests += requests;
    }

    pub(super) fn calls(&self) -> u64 {
        self.latencies.len()
    }

    /// How many requests the replicas got for each call.
    pub(super) fn messages(&self) -> f64 {
        self.requests as f64 / self.calls() as f64
    }

    pub(super) fn per_second(&self) -> f64 {
        self.calls() as f64 / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latencies, in microseconds.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e3
    }
}
