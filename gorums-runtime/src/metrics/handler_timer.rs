//! How long one handler takes. Without the feature `metrics`, and without metrics, that costs nothing.

#[cfg(feature = "metrics")]
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "metrics")]
use std::time::Duration;

#[cfg(feature = "metrics")]
use tokio::time::Instant;
#[cfg(feature = "metrics")]
use tonic::Code;
use tonic::Status;

#[cfg(feature = "metrics")]
use super::server::ServedMethod;
use super::server_meter::HandlerMeter;

/// Of how many handlers that end at once, one after the other, one is timed: to look at the clock costs as much as all else.
#[cfg(feature = "metrics")]
const TIMED: u32 = 8;

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
    /// Whether it is timed even if it ends at once.
    is_timed: bool,
    /// How long the last one took that was timed, in nanoseconds.
    last: AtomicU64,
}

/// When a handler began.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Began {
    At(Instant),
    /// It is not timed unless it waits.
    Untimed,
}

impl HandlerTimer {
    /// Measures the handler of a call that is about to begin. On a stream it belongs to `burst`.
    #[inline]
    pub(crate) fn begin(&mut self, meter: &HandlerMeter, burst: Option<&mut HandlerBurst>) {
        #[cfg(feature = "metrics")]
        match (&mut self.running, &meter.method) {
            (running, None) => *running = None,
            // The calls of a stream reuse a timer, and usually are of the same method.
            (Some(running), Some(method)) if Arc::ptr_eq(&running.method, method) => {
                running.is_timed = burst.is_none_or(HandlerBurst::next_is_timed);
            }
            (running, Some(method)) => {
                *running = Some(RunningHandler {
                    method: Arc::clone(method),
                    is_timed: true,
                    last: AtomicU64::new(0),
                });
            }
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (meter, burst);
    }

    /// When a handler begins that begins now. `None` if nothing is measured.
    #[cfg(feature = "metrics")]
    #[inline]
    pub(crate) fn began(&self) -> Option<Began> {
        let running = self.running.as_ref()?;
        Some(match running.is_timed {
            true => Began::At(Instant::now()),
            false => Began::Untimed,
        })
    }

    /// Counts a handler that began then, with this status code.
    #[cfg(feature = "metrics")]
    #[inline]
    pub(crate) fn end(&self, began: Began, code: Code) {
        if let Some(running) = &self.running {
            let took = match began {
                Began::At(began) => {
                    let took = began.elapsed();
                    let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    running.last.store(nanoseconds, Ordering::Relaxed);
                    took
                }
                Began::Untimed => Duration::from_nanos(running.last.load(Ordering::Relaxed)),
            };
            running.method.record(code, took);
        }
    }

    /// Counts a call that no handler gets.
    #[inline]
    pub(crate) fn refuse(&self, status: &Status) {
        #[cfg(feature = "metrics")]
        if let Some(running) = &self.running {
            running.method.refuse(status.code());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = status;
    }
}

/// The handlers of a stream that begin one after the other, without a wait between them.
#[derive(Debug, Default)]
pub(crate) struct HandlerBurst {
    /// How many have begun since one was timed; 0 if the next one is.
    #[cfg(feature = "metrics")]
    untimed: u32,
}

impl HandlerBurst {
    /// Ends the burst: something is waited for.
    #[inline]
    pub(crate) fn end(&mut self) {
        #[cfg(feature = "metrics")]
        {
            self.untimed = 0;
        }
    }

    #[cfg(feature = "metrics")]
    #[inline]
    fn next_is_timed(&mut self) -> bool {
        let is_timed = self.untimed == 0;
        self.untimed = (self.untimed + 1) % TIMED;
        is_timed
    }
}

#[cfg(test)]
#[cfg(feature = "metrics")]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_burst_is_timed_and_then_one_in_eight() {
        let mut burst = HandlerBurst::default();
        let mut timed = |handlers: usize| {
            let timed = (0..handlers).filter(|_| burst.next_is_timed()).count();
            burst.end();
            timed
        };
        assert_eq!([1, 1, 8, 9, 24, 25].map(&mut timed), [1, 1, 1, 2, 3, 4]);
    }
}
