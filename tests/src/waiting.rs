//! Waiting for what a test expects, with a limit, so that a test that would hang fails and says what did not come.

use std::fmt::Display;
use std::panic::Location;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// How long a test waits, by its own clock and by the wall clock: a paused clock stands still in a busy loop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The output of `future`, with which the test waits for `what`.
///
/// # Panics
///
/// When it takes longer than a minute.
#[track_caller]
pub fn soon<T>(what: impl Display, future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let start = Instant::now();
        let mut future = pin!(tokio::time::timeout(PATIENCE, future));
        let in_time = std::future::poll_fn(|cx| {
            let late = start.elapsed() > PATIENCE;
            let polled = future.as_mut().poll(cx);
            assert!(
                !late || polled.is_ready(),
                "waited in vain for {what} at {caller}"
            );
            polled
        });
        match in_time.await {
            Ok(output) => output,
            Err(_) => panic!("waited in vain for {what} at {caller}"),
        }
    }
}

/// What happens at replicas, in that order.
#[derive(Debug)]
pub struct Events<T>(mpsc::UnboundedReceiver<T>);

impl<T> Events<T> {
    /// Events, and what sends them.
    pub fn channel() -> (mpsc::UnboundedSender<T>, Self) {
        let (send, events) = mpsc::unbounded_channel();
        (send, Self(events))
    }

    /// The next event.
    pub async fn next(&mut self) -> T {
        self.awaited("an event at a replica").await
    }

    /// The next event, with which the test waits for `what`.
    pub async fn awaited(&mut self, what: impl Display) -> T {
        let event = soon(&what, self.0.recv()).await;
        event.unwrap_or_else(|| panic!("the replicas ended before {what}"))
    }

    /// The events that the test has not read yet.
    pub fn past(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}
