//! Delays calls and makes them fail.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::Status;

use super::{
    AnyMessage, CallWatch, ClientCall, ClientInterceptor, Next, ServerCall, ServerInterceptor,
};

/// Delays calls and makes them fail, for tests. The handle is kept to change the faults meanwhile.
///
/// A cheap handle: clones have the same faults. There are none at first.
///
/// At a server, it delays calls before their handlers, in their turns, and fails them in place of their handlers. At a
/// client, it fails calls before they are sent, and delays none.
///
/// ```
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: fn() -> register::register_gorums::RegisterReplicaServer) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use gorums_runtime::interceptors::Faults;
/// use gorums_runtime::server::Router;
/// use gorums_runtime::tonic::Status;
/// use gorums_runtime::{Server, testing};
///
/// let faults = Faults::with_seed(1);
/// let served = faults.clone();
/// let systems = testing::systems(3, move |_| {
///     Server::new(Router::new().add_replica(replica())).intercept(served.clone())
/// });
/// let systems = systems.await?;
/// faults.delay(Duration::from_millis(20));
/// faults.fail(0.1, Status::unavailable("one in ten"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Faults(Arc<Mutex<State>>);

struct State {
    random: fastrand::Rng,
    delay: Duration,
    /// Which share of the calls fails, and with which status.
    failure: Option<(f64, Status)>,
}

impl Faults {
    /// No faults yet. `seed` decides which calls fail later on.
    pub fn with_seed(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            delay: Duration::ZERO,
            failure: None,
        })))
    }

    /// Delays each call from now on.
    pub fn delay(&self, by: Duration) {
        self.lock().delay = by;
    }

    /// Makes a share of the calls, from 0 to 1, fail with `status` from now on.
    pub fn fail(&self, share: f64, status: Status) {
        self.lock().failure = Some((share, status));
    }

    /// Ends all faults.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.delay = Duration::ZERO;
        state.failure = None;
    }

    /// What becomes of the next call.
    fn next(&self) -> (Duration, Result<(), Status>) {
        let mut state = self.lock();
        let random = state.random.f64();
        let outcome = match &state.failure {
            Some((share, status)) if random < *share => Err(status.clone()),
            _ => Ok(()),
        };
        (state.delay, outcome)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerInterceptor for Faults {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        let (delay, outcome) = self.next();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        outcome?;
        next.run(call).await
    }
}

impl ClientInterceptor for Faults {
    fn start(&self, _: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        let (_, outcome) = self.next();
        outcome.map(|()| None)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Faults")
            .field("delay", &state.delay)
            .field("failure", &state.failure)
            .finish_non_exhaustive()
    }
}
