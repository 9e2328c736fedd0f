//! Accepts connections, up to a limit.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
#[cfg(feature = "_tls-any")]
use futures::StreamExt;
use futures::stream::BoxStream;
#[cfg(feature = "_tls-any")]
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::server::{Connected, TcpIncoming};

use crate::support::{BoxedConnection, Connection};
#[cfg(feature = "_tls-any")]
use crate::telemetry;
#[cfg(feature = "_tls-any")]
use crate::tls::{Accepted, RotatingCredentials};

/// Wait after the first failure to accept a connection. It doubles with each further failure.
const FIRST_DELAY: Duration = Duration::from_millis(5);

/// Upper bound of that wait.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Where the connections of a server come from.
pub(crate) enum Incoming {
    /// TCP.
    Tcp(TcpListener),
    /// A stream of the user's, of connections of any kind.
    Connections(BoxStream<'static, io::Result<BoxedConnection>>),
}

// It need not be TCP, and has no addresses then. Of any lifetime, because the compiler forgets in futures which one it is.
impl Connected for Pin<Box<dyn Connection + '_>> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

/// Accepts the connections of `incoming`, up to a number at once. Closes further ones.
///
/// Waits after a failure that would recur at once, such as a lack of file descriptors.
pub(super) struct Accepting<I> {
    incoming: Pin<Box<I>>,
    places: Arc<Semaphore>,
    delay: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Why no connection was accepted.
pub(super) type AcceptError = Box<dyn std::error::Error + Send + Sync>;

impl<I> Accepting<I> {
    /// Accepts the connections of `incoming`, at most `most` at once.
    pub(super) fn new(incoming: I, most: usize) -> Self {
        Self {
            incoming: Box::pin(incoming),
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            delay: FIRST_DELAY,
            waiting: None,
        }
    }
}

impl<I, C, E> Stream for Accepting<I>
where
    I: Stream<Item = Result<C, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Item = Result<(C, OwnedSemaphorePermit), AcceptError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            let connection = match ready!(self.incoming.as_mut().poll_next(cx)) {
                Some(Ok(connection)) => connection,
                Some(Err(error)) => {
                    let error = error.into();
                    if !is_of_one_connection(&*error) {
                        self.waiting = Some(Box::pin(tokio::time::sleep(self.delay)));
                        self.delay = (2 * self.delay).min(LONGEST_DELAY);
                    }
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            };
            self.delay = FIRST_DELAY;
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return Poll::Ready(Some(Ok((connection, place))));
            }
        }
    }
}

/// Returns whether `error` concerns one connection only, so that the next one may well succeed.
fn is_of_one_connection(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::Interrupted
        )
    })
}

/// Returns the connections that `listener` accepts.
pub(super) fn incoming(listener: TcpListener) -> TcpIncoming {
    // Nagle's algorithm would delay small messages by a round trip.
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// Makes TLS connections of accepted ones, each with the credentials that are current then.
#[cfg(feature = "_tls-any")]
pub(super) fn with_tls<C, E>(
    incoming: impl Stream<Item = Result<C, E>>,
    credentials: RotatingCredentials,
) -> impl Stream<Item = Result<Accepted<C, C::ConnectInfo>, E>>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin,
{
    let accept = move |it| Accepted::new(it, &credentials, telemetry::handshake_failed);
    incoming.map(move |accepted| accepted.map(&accept))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wait_after_a_failure_grows_to_its_bound_and_begins_anew_after_a_success() {
        let outcomes = (0..20).map(|n| match n {
            15 => Ok(()),
            _ => Err(io::Error::other("too many open files")),
        });
        let mut accepting = Accepting::new(futures::stream::iter(outcomes), 1);
        let mut waits = Vec::new();
        let mut before = Instant::now();
        while accepting.next().await.is_some() {
            waits.push(before.elapsed().as_millis());
            before = Instant::now();
        }
        assert_eq!(waits[..4], [0, 5, 10, 20]);
        assert_eq!(waits[14], 1000);
        assert_eq!(waits[16..19], [0, 5, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_breaks_before_it_is_accepted_does_not_delay_the_next() {
        let aborted = io::Error::from(io::ErrorKind::ConnectionAborted);
        let outcomes = [Err(aborted), Ok(())];
        let mut accepting = Accepting::new(futures::stream::iter(outcomes), 1);
        let before = Instant::now();
        let [failed, accepted] = [accepting.next().await, accepting.next().await];
        assert!(failed.expect("an outcome").is_err());
        assert!(accepted.expect("an outcome").is_ok());
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
