//! The attempts to connect to a node.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::attempted::Attempted;
use super::backoff::Backoff;
use super::connector::BoxedConnection;
use super::given_up::GivenUp;
use crate::support::Tasks;

/// Makes the connections to one node, and keeps its failed attempts apart.
///
/// An attempt has failed when no connection is made, and also when one is lost before the node says anything in
/// HTTP/2: in TLS's handshake, or when something accepts connections in place of a node that is down.
#[derive(Clone)]
pub(super) struct Attempts(Arc<AttemptLog>);

struct AttemptLog {
    backoff: Backoff,
    tasks: Tasks,
    failed: Mutex<Failed>,
    /// The connections that were made, as far as they are still there.
    made: Mutex<Vec<Weak<GivenUp>>>,
    /// When the latest connection was first of use.
    connected: Mutex<Option<Instant>>,
    /// Whether HTTP/2 has begun on the latest connection.
    speaks_http2: AtomicBool,
}

/// The attempts that have failed since the last that did not.
#[derive(Default)]
struct Failed {
    count: u32,
    latest: Option<Failure>,
}

#[derive(Clone)]
struct Failure {
    cause: Arc<io::Error>,
    next_attempt: Instant,
}

impl Attempts {
    pub(super) fn new(backoff: Backoff, tasks: Tasks) -> Self {
        Self(Arc::new(AttemptLog {
            backoff,
            tasks,
            failed: Mutex::default(),
            made: Mutex::default(),
            connected: Mutex::default(),
            speaks_http2: AtomicBool::new(false),
        }))
    }

    /// A connection that `dial` makes, or the failure of the latest attempt while it is too early for the next.
    pub(super) async fn connect(
        &self,
        dial: impl Fn() -> BoxFuture<'static, io::Result<BoxedConnection>>,
    ) -> io::Result<Attempted> {
        if let Some(failure) = self.failed().latest.clone()
            && failure.holds()
        {
            return Err(failure.shared());
        }
        loop {
            let failure = match self.attempt(dial()).await? {
                Ok(connection) => return Ok(Attempted::new(connection, self.clone())),
                Err(failure) => failure,
            };
            // tonic looks at an attempt only while a call waits for it: this may have failed long ago.
            if failure.holds() {
                return Err(failure.shared());
            }
        }
    }

    /// Dials on a task of its own, as the attempt is to end in time even if the call that needs it is withdrawn.
    async fn attempt(
        &self,
        dialling: BoxFuture<'static, io::Result<BoxedConnection>>,
    ) -> io::Result<Result<BoxedConnection, Failure>> {
        let (tell, outcome) = oneshot::channel();
        let attempts = self.clone();
        let _attempt = AbortOnDrop(self.0.tasks.spawn(async move {
            let outcome = match dialling.await {
                Ok(connection) => {
                    attempts.0.speaks_http2.store(false, Ordering::SeqCst);
                    Ok(connection)
                }
                Err(error) => Err(attempts.fail(error)),
            };
            // Nobody waits any more when the node is gone.
            let _ = tell.send(outcome);
        }));
        outcome
            .await
            .map_err(|_| io::Error::other("the manager is closed"))
    }

    /// Notes that an attempt has failed.
    fn fail(&self, cause: io::Error) -> Failure {
        let mut failed = self.failed();
        failed.count = failed.count.saturating_add(1);
        let now = Instant::now();
        let delay = self.0.backoff.delay(failed.count);
        let failure = Failure {
            cause: Arc::new(cause),
            next_attempt: now.checked_add(delay).unwrap_or(now),
        };
        failed.latest = Some(failure.clone());
        failure
    }

    /// Notes that a connection was lost before it was of use.
    pub(super) fn lost(&self) {
        self.fail(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            Unexplained,
        ));
    }

    /// Notes why the latest connection was lost, as the call knows that it was made for.
    pub(super) fn explain(&self, cause: &str) {
        if let Some(failure) = &mut self.failed().latest
            && failure.is_unexplained()
            && cause != Unexplained.to_string()
        {
            failure.cause = Arc::new(io::Error::new(failure.cause.kind(), cause));
        }
    }

    /// Takes in that a connection is made. What is returned tells when it is given up.
    pub(super) fn watch(&self) -> Arc<GivenUp> {
        let given_up = Arc::default();
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|before| before.strong_count() > 0);
        made.push(Arc::downgrade(&given_up));
        given_up
    }

    /// Gives up the connections that were made: the node does not answer on them.
    pub(super) fn give_up(&self) {
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        for given_up in made.drain(..).filter_map(|given_up| given_up.upgrade()) {
            given_up.set();
        }
    }

    /// Notes that a connection is of use.
    pub(super) fn succeed(&self) {
        *self.failed() = Failed::default();
        *self.connected_at() = Some(Instant::now());
    }

    /// When the latest connection was first of use. None before there was one.
    pub(super) fn connected(&self) -> Option<Instant> {
        *self.connected_at()
    }

    /// Notes that HTTP/2 has begun on the latest connection.
    pub(super) fn begin_http2(&self) {
        self.0.speaks_http2.store(true, Ordering::SeqCst);
    }

    pub(super) fn speak_http2(&self) -> bool {
        self.0.speaks_http2.load(Ordering::SeqCst)
    }

    fn connected_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Failed> {
        self.0.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

/// Runs a connection's tasks, the first of which is spawned when TLS's handshake is over and HTTP/2 begins.
#[derive(Clone, Debug)]
pub(super) struct ConnectionTasks {
    pub(super) tasks: Tasks,
    pub(super) attempts: Attempts,
}

impl hyper::rt::Executor<BoxFuture<'static, ()>> for ConnectionTasks {
    fn execute(&self, task: BoxFuture<'static, ()>) {
        self.attempts.begin_http2();
        self.tasks.spawn(task);
    }
}

impl Failure {
    /// Whether it is too early for the next attempt.
    fn holds(&self) -> bool {
        Instant::now() < self.next_attempt
    }

    fn is_unexplained(&self) -> bool {
        let cause = self.cause.get_ref();
        cause.is_some_and(|cause| cause.is::<Unexplained>())
    }

    fn shared(self) -> io::Error {
        io::Error::new(self.cause.kind(), Shared(self.cause))
    }
}

/// An error that several calls fail with.
#[derive(Debug)]
struct Shared(Arc<io::Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why a connection was lost, while that is known to nobody.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost in its handshake")]
struct Unexplained;

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
