//! How long one handler takes. Without the feature `metrics`, and without metrics, that costs nothing.

#[cfg(feature = "metrics")]
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "metrics")]
use std::time::Duration;

use tokio::time::Instant;
#[cfg(feature = "metrics")]
use tonic::Code;
use tonic::Status;

#[cfg(feature = "metrics")]
use super::server::ServedMethod;
use super::server_meter::HandlerMeter;

/// Measures one handler.
#[derive(Debug, Default)]
pub(crate) struct HandlerTimer {
    #[cfg(feature = "metrics")]
    running: Option<RunningHandler>,
}

#[cfg(feature = "metrics")]
#[derive(Debug)]
struct RunningHandler {
    method: Arc<ServedMethod>,
    /// `None` if it begins when it is first seen.
    began: Option<Instant>,
    /// How long it took, in nanoseconds; 0 until it has ended.
    took: AtomicU64,
}

impl HandlerTimer {
    /// Measures the handler of a call, which begins at the time that `began` returns, or later.
    #[inline]
    pub(crate) fn begin(&mut self, meter: &HandlerMeter, began: impl FnOnce() -> Option<Instant>) {
        #[cfg(feature = "metrics")]
        match (&mut self.running, &meter.method) {
            (running, None) => *running = None,
            // The calls of a stream reuse a timer, and usually are of the same method.
            (Some(running), Some(method)) if Arc::ptr_eq(&running.method, method) => {
                running.began = began();
                *running.took.get_mut() = 0;
            }
            (running, Some(method)) => {
                *running = Some(RunningHandler {
                    method: Arc::clone(method),
                    began: began(),
                    took: AtomicU64::new(0),
                });
            }
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (meter, began);
    }

    /// When a handler begins that begins now. `None` if nothing is measured.
    #[cfg(feature = "metrics")]
    #[inline]
    pub(crate) fn began(&self) -> Option<Instant> {
        let running = self.running.as_ref()?;
        // If a handler has ended, another message of the same stream of requests is handled.
        let is_first = running.took.load(Ordering::Relaxed) == 0;
        let began = running.began.filter(|_| is_first);
        Some(began.unwrap_or_else(Instant::now))
    }

    /// Counts a handler that began then, with this status code.
    #[cfg(feature = "metrics")]
    #[inline]
    pub(crate) fn end(&self, began: Instant, code: Code) {
        if let Some(running) = &self.running {
            let took = began.elapsed();
            let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            running.took.store(nanoseconds.max(1), Ordering::Relaxed);
            running.method.record(code, took);
        }
    }

    /// Counts a call that no handler gets.
    #[cold]
    pub(crate) fn refuse(&self, status: &Status) {
        #[cfg(feature = "metrics")]
        if let Some(running) = &self.running {
            running.method.refuse(status.code());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = status;
    }
}

/// The time at which the next handler of a stream begins. Most begin when the one before has ended, which saves a look at
/// the clock.
#[derive(Debug, Default)]
pub(crate) struct HandlerClock {
    /// When the last handler ended, if nothing was waited for since.
    #[cfg(feature = "metrics")]
    last: Option<Instant>,
}

impl HandlerClock {
    /// Notes that a handler has ended.
    #[inline]
    pub(crate) fn note(&mut self, timer: &HandlerTimer) {
        #[cfg(feature = "metrics")]
        {
            self.last = timer.running.as_ref().and_then(|running| {
                let took = running.took.load(Ordering::Relaxed);
                Some(running.began? + Duration::from_nanos(took))
            });
        }
        #[cfg(not(feature = "metrics"))]
        let _ = timer;
    }

    /// Notes that time has passed.
    #[inline]
    pub(crate) fn forget(&mut self) {
        #[cfg(feature = "metrics")]
        {
            self.last = None;
        }
    }

    /// The time now, or a little earlier.
    #[inline]
    pub(crate) fn now(&mut self) -> Instant {
        #[cfg(feature = "metrics")]
        if let Some(last) = self.last.take() {
            return last;
        }
        Instant::now()
    }
}
