//! An open loop: calls at a fixed rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::Tally;
use crate::client::Load;
use crate::proto::Payload;
use crate::usage;

/// How many calls may be in flight. Beyond that, the system is overloaded and further calls are errors.
const MOST_IN_FLIGHT: usize = 20_000;

/// The number of tallies among which calls are distributed.
const TALLIES: usize = 64;

/// This many calls per second, whether or not earlier ones have ended.
///
/// A call's latency counts from the time at which it should have started, so that a system that falls behind shows the
/// delay.
pub(crate) struct Open {
    pub(crate) rate: u64,
    pub(crate) payload: Arc<Payload>,
    /// Whether calls that end are counted.
    pub(crate) counts: Arc<AtomicBool>,
}

impl Load for Open {
    type Output = Vec<Tally>;

    fn of<C, F>(self, call: C) -> Vec<Tally>
    where
        C: Fn(&Payload) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let tallies: Vec<_> = (0..TALLIES).map(|_| Tally::new()).collect();
        let runtime = Handle::current();
        let own = tallies.clone();
        // A separate thread wakes up with a precision of microseconds. The runtime's timers have milliseconds, which is
        // longer than most calls take. The thread lives as long as the process.
        thread::spawn(move || self.start_calls(&call, &own, &runtime));
        tallies
    }
}

impl Open {
    fn start_calls<C, F>(self, call: &C, tallies: &[Tally], runtime: &Handle)
    where
        C: Fn(&Payload) -> F + Clone + Send + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        usage::wake_on_time();
        let between = Duration::from_secs_f64(1.0 / self.rate as f64);
        let in_flight = Arc::new(AtomicUsize::new(0));
        let mut due = Instant::now();
        for tally in tallies.iter().cycle() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let (tally, counts) = (tally.clone(), Arc::clone(&self.counts));
            if in_flight.load(Ordering::Relaxed) >= MOST_IN_FLIGHT {
                if counts.load(Ordering::Relaxed) {
                    let error = format!("{MOST_IN_FLIGHT} calls are in flight");
                    tally.take(Duration::ZERO, Err(error));
                }
            } else {
                in_flight.fetch_add(1, Ordering::Relaxed);
                let in_flight = Arc::clone(&in_flight);
                let (call, payload) = (call.clone(), Arc::clone(&self.payload));
                runtime.spawn(async move {
                    let outcome = call(&payload).await;
                    if counts.load(Ordering::Relaxed) {
                        tally.take(due.elapsed(), outcome);
                    }
                    in_flight.fetch_sub(1, Ordering::Relaxed);
                });
            }
            due += between;
        }
    }
}
