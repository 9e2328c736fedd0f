//! The attempts to connect to a node.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::attempted::Attempted;
use super::backoff::Backoff;
use super::given_up::GivenUp;
use crate::support::{BoxedConnection, Tasks};

/// Makes the connections to one node, and spaces out attempts after failures.
///
/// An attempt fails if no connection is made. It also fails if the connection is lost before the node sends anything in
/// HTTP/2: because the node refuses the client's certificate, or because something accepts connections in place of a node
/// that is down.
#[derive(Clone)]
pub(super) struct Attempts(Arc<AttemptLog>);

struct AttemptLog {
    backoff: Backoff,
    tasks: Tasks,
    failed: Mutex<Failed>,
    /// The connections that were made and still exist.
    made: Mutex<Vec<Weak<GivenUp>>>,
    /// When the latest connection was established.
    connected: Mutex<Option<Instant>>,
    /// Notified when an attempt has succeeded or failed.
    ended: Notify,
}

/// The failed attempts since the last successful one.
#[derive(Default)]
struct Failed {
    count: u32,
    latest: Option<Failure>,
}

#[derive(Clone)]
pub(super) struct Failure {
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
            ended: Notify::new(),
        }))
    }

    /// Makes a connection with `dial`. While the back-off lasts, returns the failure of the latest attempt instead.
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
            // tonic polls an attempt only while a call waits for it, so this one may have failed long ago.
            if failure.holds() {
                return Err(failure.shared());
            }
        }
    }

    /// Dials in a task of its own, so that the attempt ends in time even if the call that needs it is cancelled.
    async fn attempt(
        &self,
        dialling: BoxFuture<'static, io::Result<BoxedConnection>>,
    ) -> io::Result<Result<BoxedConnection, Failure>> {
        let (tell, outcome) = oneshot::channel();
        let attempts = self.clone();
        let _attempt = AbortOnDrop(self.0.tasks.spawn(async move {
            let outcome = dialling.await.map_err(|error| attempts.fail(error));
            // Fails only if the node was dropped.
            let _ = tell.send(outcome);
        }));
        outcome
            .await
            .map_err(|_| io::Error::other("the manager is closed"))
    }

    /// Waits until the back-off of the latest failure has passed.
    pub(super) async fn until_next(&self) {
        let next = self.failed().latest.as_ref().map(|it| it.next_attempt);
        if let Some(next) = next {
            sleep_until(next).await;
        }
    }

    /// Waits until a connection is established, for at most `longest`.
    ///
    /// # Errors
    ///
    /// If an attempt fails before that, or nothing happens.
    pub(super) async fn established(&self, longest: Duration) -> io::Result<()> {
        let ended = async {
            loop {
                // Created before the check, so that nothing is missed between the two.
                let ended = self.0.ended.notified();
                if let Some(failure) = self.failed().latest.clone() {
                    return Err(failure.shared());
                }
                if self.connected().is_some() {
                    return Ok(());
                }
                ended.await;
            }
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, Silent(longest));
        timeout(longest, ended).await.map_err(late)?
    }

    /// Returns why there is no connection, if the latest attempt failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failed().latest.clone().map(Failure::shared)
    }

    /// Notes that an attempt has failed.
    pub(super) fn fail(&self, cause: io::Error) -> Failure {
        let mut failed = self.failed();
        failed.count = failed.count.saturating_add(1);
        let now = Instant::now();
        let delay = self.0.backoff.delay(failed.count);
        let failure = Failure {
            cause: Arc::new(cause),
            next_attempt: now.checked_add(delay).unwrap_or(now),
        };
        failed.latest = Some(failure.clone());
        drop(failed);
        self.0.ended.notify_waiters();
        failure
    }

    /// Notes that a connection was closed before it was established.
    pub(super) fn lost(&self) -> Failure {
        self.fail(io::Error::new(io::ErrorKind::ConnectionAborted, Closed))
    }

    /// Notes that a connection was given up on which the node had sent nothing.
    pub(super) fn silent(&self, waited: Duration) -> Failure {
        // People read it.
        let waited = Duration::from_millis(waited.as_millis().try_into().unwrap_or(u64::MAX));
        self.fail(io::Error::new(io::ErrorKind::TimedOut, Silent(waited)))
    }

    /// Registers a new connection. The returned value tells when the connection is given up.
    pub(super) fn watch(&self) -> Arc<GivenUp> {
        let given_up = Arc::default();
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|before| before.strong_count() > 0);
        made.push(Arc::downgrade(&given_up));
        given_up
    }

    /// Gives up all connections, because the node does not answer on them.
    pub(super) fn give_up(&self) {
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        for given_up in made.drain(..).filter_map(|given_up| given_up.upgrade()) {
            given_up.set();
        }
    }

    /// Notes that a connection is established.
    pub(super) fn succeed(&self) {
        *self.failed() = Failed::default();
        *self.connected_at() = Some(Instant::now());
        self.0.ended.notify_waiters();
    }

    /// When the latest connection was established; `None` if there was none yet.
    pub(super) fn connected(&self) -> Option<Instant> {
        *self.connected_at()
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

/// Runs a connection's tasks.
#[derive(Clone, Debug)]
pub(super) struct ConnectionTasks(pub(super) Tasks);

impl hyper::rt::Executor<BoxFuture<'static, ()>> for ConnectionTasks {
    fn execute(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}

impl Failure {
    /// Whether it is too early for the next attempt.
    fn holds(&self) -> bool {
        Instant::now() < self.next_attempt
    }

    pub(super) fn shared(self) -> io::Error {
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
        let inner = self.0.get_ref();
        inner.map(|inner| inner as &(dyn Error + 'static))
    }
}

/// The node has closed a connection without a reason.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connection was closed before the node sent anything; check that a gRPC server listens at its address, and whether it uses TLS"
)]
struct Closed;

/// The node has accepted a connection, and said nothing on it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the node accepted the connection and sent nothing within {0:?}; check that it serves, and whether it uses TLS"
)]
struct Silent(Duration);

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
