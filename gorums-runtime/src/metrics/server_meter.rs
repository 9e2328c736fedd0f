//! What servers report to. Without the feature `metrics`, and without metrics, that costs nothing.

#[cfg(feature = "metrics")]
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::atomic::Ordering;

#[cfg(feature = "metrics")]
use tokio::time::Instant;
use tonic::Status;

#[cfg(feature = "metrics")]
use super::Metrics;
#[cfg(feature = "metrics")]
use super::server::ServedMethod;
#[cfg(feature = "metrics")]
use super::sources::Source;

/// Measures the calls that a server serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerMeter {
    #[cfg(feature = "metrics")]
    metrics: Option<Metrics>,
}

impl ServerMeter {
    #[cfg(feature = "metrics")]
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: Some(metrics.clone()),
        }
    }

    /// Whether anything is measured.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        #[cfg(feature = "metrics")]
        return self.metrics.is_some();
        #[cfg(not(feature = "metrics"))]
        false
    }

    /// Measures the calls of the method of this name.
    pub(crate) fn method(&self, name: &'static str) -> HandlerMeter {
        #[cfg(not(feature = "metrics"))]
        let _ = name;
        HandlerMeter {
            #[cfg(feature = "metrics")]
            method: self
                .metrics
                .as_ref()
                .map(|metrics| metrics.server().method(name)),
        }
    }

    /// Counts a call of a method that the server does not know.
    pub(crate) fn refuse_unknown(&self) {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics {
            metrics.server().refuse_unknown();
        }
    }

    /// Changes how many requests wait for their turn, from `before` to `now` on one stream.
    #[inline]
    pub(crate) fn note_waiting(&self, before: &mut usize, now: usize) {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics
            && *before != now
        {
            let waiting = &metrics.server().waiting;
            // Wraps around if there are fewer.
            waiting.fetch_add(now.wrapping_sub(*before), Ordering::Relaxed);
            *before = now;
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (before, now);
    }

    /// Samples `server` while it lives.
    #[cfg(feature = "metrics")]
    pub(crate) fn watch(&self, server: &Arc<impl Source + 'static>) {
        if let Some(metrics) = &self.metrics {
            let server: Arc<dyn Source> = Arc::clone(server) as _;
            metrics.server().servers.add(Arc::downgrade(&server));
        }
    }
}

/// Measures the calls of one method that a server serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandlerMeter {
    #[cfg(feature = "metrics")]
    pub(super) method: Option<Arc<ServedMethod>>,
}

impl HandlerMeter {
    /// Begins to measure how long a request waits.
    #[inline]
    pub(crate) fn wait(&self) -> WaitTimer {
        WaitTimer {
            #[cfg(feature = "metrics")]
            since: self.method.is_some().then(Instant::now),
        }
    }

    /// Counts a request that has waited.
    #[inline]
    pub(crate) fn waited(&self, timer: &WaitTimer) {
        #[cfg(feature = "metrics")]
        if let (Some(method), Some(since)) = (&self.method, timer.since) {
            method.waited(since.elapsed());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = timer;
    }

    /// Counts a call that no handler gets.
    #[inline]
    pub(crate) fn refuse(&self, status: &Status) {
        #[cfg(feature = "metrics")]
        if let Some(method) = &self.method {
            method.refuse(status.code());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = status;
    }
}

/// Since when a request waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WaitTimer {
    #[cfg(feature = "metrics")]
    since: Option<Instant>,
}
