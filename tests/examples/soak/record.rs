//! The outcomes of the calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gorums_runtime::errors::{MulticastError, NodeError, QuorumCallError, QuorumCallErrorKind};
use tonic::Code;

/// How a call failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// The program dropped it before its end.
    Dropped,
    /// Its deadline passed.
    Late,
    /// Too few nodes replied.
    Incomplete,
    /// Its node could not be reached.
    Unavailable,
    /// A queue was full.
    Exhausted,
    /// Its manager was closed.
    Closed,
    /// Something else.
    Other,
}

/// The number of failures.
pub(crate) const FAILURES: usize = 7;

/// How many violations are printed.
const PRINTED: u64 = 50;

/// How long after its deadline a call may end.
const SLACK: Duration = Duration::from_secs(1);

/// How long the thread sleeps that detects when the machine does not run this process.
const NAP: Duration = Duration::from_millis(50);

/// Counts calls and violations.
#[derive(Debug)]
pub(crate) struct Record {
    calls: AtomicU64,
    failures: [AtomicU64; FAILURES],
    in_flight: AtomicU64,
    judged: AtomicU64,
    violations: AtomicU64,
    /// For how many milliseconds this process did not run although it should have.
    stalled: AtomicU64,
    /// The longest time by which a call ended after its deadline, in milliseconds.
    latest: AtomicU64,
}

/// A call in flight.
pub(crate) struct Attempt<'a> {
    record: &'a Record,
    pub(crate) start: Instant,
    stalled: u64,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            calls: AtomicU64::new(0),
            failures: std::array::from_fn(|_| AtomicU64::new(0)),
            in_flight: AtomicU64::new(0),
            judged: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            latest: AtomicU64::new(0),
        }
    }

    /// Counts panics of any thread as violations from now on, and the time that the machine does not run this process.
    pub(crate) fn count_panics(self: &Arc<Self>) {
        let report = std::panic::take_hook();
        let record = Arc::clone(self);
        std::panic::set_hook(Box::new(move |panic| {
            report(panic);
            record.violation(&format!("panic: {panic}"));
        }));
        let record = Arc::clone(self);
        std::thread::spawn(move || {
            loop {
                let start = Instant::now();
                std::thread::sleep(NAP);
                let late = start.elapsed().saturating_sub(NAP);
                // A shared core makes the thread slightly late each time.
                if late > NAP {
                    let late = late.as_millis() as u64;
                    record.stalled.fetch_add(late, Ordering::Relaxed);
                }
            }
        });
    }

    /// Counts a call that starts now.
    pub(crate) fn attempt(&self) -> Attempt<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Attempt {
            record: self,
            start: Instant::now(),
            stalled: self.stalled.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn failure(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that had to succeed.
    pub(crate) fn judge(&self) {
        self.judged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn violation(&self, text: &str) {
        if self.violations.fetch_add(1, Ordering::Relaxed) < PRINTED {
            println!("VIOLATION: {text}");
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> [u64; FAILURES] {
        std::array::from_fn(|kind| self.failures[kind].load(Ordering::Relaxed))
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} calls, of which {} had to succeed; the latest end was {} ms after its deadline; the machine did not run this process for {} ms; {} violations",
            self.calls(),
            self.judged.load(Ordering::Relaxed),
            self.latest.load(Ordering::Relaxed),
            self.stalled.load(Ordering::Relaxed),
            self.violations(),
        )
    }
}

impl Attempt<'_> {
    /// Checks the time of a call that has ended.
    pub(crate) async fn end(&self, what: &str, timeout: Option<Duration>) {
        let Some(timeout) = timeout else {
            return;
        };
        let late = self.start.elapsed().saturating_sub(timeout);
        if late <= SLACK {
            self.record
                .latest
                .fetch_max(late.as_millis() as u64, Ordering::Relaxed);
            return;
        }
        // The sleep that detects the delay may end after the call.
        tokio::time::sleep(2 * NAP).await;
        let stalled = self.record.stalled.load(Ordering::Relaxed) - self.stalled;
        let late = late.saturating_sub(Duration::from_millis(stalled));
        self.record
            .latest
            .fetch_max(late.as_millis() as u64, Ordering::Relaxed);
        if late > SLACK {
            let text = format!("{what} ended {late:?} after its timeout of {timeout:?}");
            self.record.violation(&text);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.record.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl From<&NodeError> for Failure {
    fn from(error: &NodeError) -> Self {
        match error.code() {
            Code::DeadlineExceeded => Self::Late,
            Code::Unavailable => Self::Unavailable,
            Code::ResourceExhausted => Self::Exhausted,
            _ => Self::Other,
        }
    }
}

impl From<&QuorumCallError> for Failure {
    fn from(error: &QuorumCallError) -> Self {
        match error.kind() {
            QuorumCallErrorKind::Incomplete => Self::Incomplete,
            QuorumCallErrorKind::DeadlineExceeded => Self::Late,
            QuorumCallErrorKind::Closed => Self::Closed,
            _ => Self::Other,
        }
    }
}

impl From<&MulticastError> for Failure {
    fn from(error: &MulticastError) -> Self {
        error.errors().first().map_or(Self::Other, Self::from)
    }
}
