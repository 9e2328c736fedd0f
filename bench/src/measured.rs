//! The results of a measurement.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::Calls;

/// The results for one system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Calls that succeeded, per second.
    pub(crate) per_second: f64,
    /// Latencies in microseconds.
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// The client's CPU time per call, in microseconds.
    pub(crate) client_cpu: Option<f64>,
    /// The CPU time of all servers together per call, in microseconds.
    pub(crate) server_cpu: Option<f64>,
    /// The client's allocations per call.
    pub(crate) allocations: Option<f64>,
    /// The client's peak memory, in bytes.
    pub(crate) peak_memory: Option<u64>,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// The text of one of the errors.
    pub(crate) error: Option<String>,
}

/// What all calls of a measurement used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) elapsed: Duration,
    pub(crate) client_cpu: Option<Duration>,
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) allocations: Option<usize>,
    pub(crate) peak_memory: Option<u64>,
}

impl Measured {
    pub(crate) fn new(ended: Calls, used: Used) -> Self {
        let latencies = &ended.latencies;
        let calls = latencies.len();
        let per_call = |time: Duration| time.as_secs_f64() * 1e6 / calls.max(1) as f64;
        let quantile = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            per_second: calls as f64 / used.elapsed.as_secs_f64(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: latencies.max() as f64 / 1e3,
            client_cpu: used.client_cpu.map(per_call),
            server_cpu: used.server_cpu.map(per_call),
            allocations: used
                .allocations
                .map(|count| count as f64 / calls.max(1) as f64),
            peak_memory: used.peak_memory,
            calls,
            errors: ended.errors,
            error: ended.error,
        }
    }
}
