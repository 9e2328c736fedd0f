//! Collects how long calls take.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;
use tonic::Status;

use super::{
    AnyMessage, CallOutcome, CallWatch, ClientCall, ClientInterceptor, Next, ServerCall,
    ServerInterceptor,
};

/// Collects how long calls take, by method: at a server from the beginning of a call's turn to its outcome, at a client
/// from the start of a call to its end, however either ends.
///
/// A cheap handle: clones collect together. The histograms of all methods are exact to three digits, of times between a
/// microsecond and an hour; longer ones count as an hour. Needs the crate's feature `histogram`.
///
/// ```
/// # fn example(router: gorums_runtime::server::Router) -> gorums_runtime::Server {
/// use gorums_runtime::Server;
/// use gorums_runtime::interceptors::Latencies;
///
/// let latencies = Latencies::default();
/// let server = Server::new(router).intercept(latencies.clone());
/// // ... later:
/// for method in latencies.methods() {
///     println!("{method}: {:?}", latencies.quantile(&method, 0.99));
/// }
/// # server
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Latencies(Arc<Mutex<BTreeMap<String, Histogram<u64>>>>);

/// The longest time that is told from longer ones, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// How many digits of a time are exact.
const DIGITS: u8 = 3;

impl Latencies {
    /// The methods that have been called, such as `register.Register/Read`. At a server, all unknown methods count as `unknown`.
    pub fn methods(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// How many calls of `method` have ended.
    pub fn count(&self, method: &str) -> u64 {
        self.lock().get(method).map_or(0, Histogram::len)
    }

    /// The time within which a share of the calls of `method`, from 0 to 1, has ended: 0.5 is the median. `None` if there
    /// were none.
    pub fn quantile(&self, method: &str, share: f64) -> Option<Duration> {
        let histograms = self.lock();
        let histogram = histograms.get(method)?;
        Some(Duration::from_micros(histogram.value_at_quantile(share)))
    }

    /// Forgets all calls.
    pub fn reset(&self) {
        self.lock().clear();
    }

    fn record(&self, method: &str, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST);
        let mut histograms = self.lock();
        if !histograms.contains_key(method) {
            // Fails only if the bounds make no sense, which they do.
            let Ok(histogram) = Histogram::new_with_bounds(1, LONGEST, DIGITS) else {
                return;
            };
            histograms.insert(method.to_owned(), histogram);
        }
        if let Some(histogram) = histograms.get_mut(method) {
            histogram.saturating_record(micros);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Histogram<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerInterceptor for Latencies {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        let started = Instant::now();
        // Clients choose the names of unknown methods, and must not make this grow.
        let method = call.method().map_or("unknown", |method| method.full_name());
        let outcome = next.run(call).await;
        self.record(method, started.elapsed());
        outcome
    }
}

impl ClientInterceptor for Latencies {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        Ok(Some(Box::new(Timed {
            latencies: self.clone(),
            method: call.method().full_name(),
        })))
    }
}

/// A call whose time is collected when it ends.
struct Timed {
    latencies: Latencies,
    method: &'static str,
}

impl CallWatch for Timed {
    fn end(&mut self, _: CallOutcome, elapsed: Duration) {
        self.latencies.record(self.method, elapsed);
    }
}

/// The medians of all methods.
impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let histograms = self.lock();
        let medians = histograms.iter().map(|(method, histogram)| {
            (
                method,
                Duration::from_micros(histogram.value_at_quantile(0.5)),
            )
        });
        f.debug_map().entries(medians).finish()
    }
}
