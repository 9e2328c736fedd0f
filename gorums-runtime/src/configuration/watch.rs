//! Configurations that are derived again as their nodes' state changes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{FutureExt, Stream};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Configuration;
use super::error::ConfigurationError;

/// The configurations that a function derives from another one over time: a stream that ends when the manager closes.
/// [`Configuration::watch`] creates it.
///
/// The function is called while the stream is polled, so a reader that has not polled for a while gets the present
/// result and nothing out of date.
///
/// # Panics
///
/// When the function does.
///
/// # Cancel safety
///
/// The stream may be polled, left and polled again.
#[must_use = "nothing is derived until the stream is polled"]
pub struct ConfigurationWatch<F> {
    configuration: Configuration,
    derive: F,
    ticks: Interval,
    latest: Option<Derived>,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

type Derived = Result<Configuration, ConfigurationError>;

impl<F: FnMut(&Configuration) -> Derived> ConfigurationWatch<F> {
    pub(crate) fn new(configuration: Configuration, every: Duration, derive: F) -> Self {
        let mut ticks = interval(every);
        // Ticks that were missed would only repeat the result.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            closing: Box::pin(configuration.tasks().closed().clone().cancelled_owned()),
            configuration,
            derive,
            ticks,
            latest: None,
        }
    }
}

// Nothing is pinned in place: what needs a stable address is boxed.
impl<F> Unpin for ConfigurationWatch<F> {}

impl<F: FnMut(&Configuration) -> Derived> Stream for ConfigurationWatch<F> {
    type Item = Derived;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.closing.poll_unpin(cx).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            ready!(this.ticks.poll_tick(cx));
            let derived = (this.derive)(&this.configuration);
            if !this
                .latest
                .as_ref()
                .is_some_and(|latest| same(latest, &derived))
            {
                this.latest = Some(derived.clone());
                return Poll::Ready(Some(derived));
            }
        }
    }
}

/// Whether both are the same nodes in the same order.
fn same(a: &Derived, b: &Derived) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a.size() == b.size() && a.nodes().zip(b.nodes()).all(|(a, b)| a.is(b)),
        (Err(a), Err(b)) => a == b,
        _ => false,
    }
}

impl<F> fmt::Debug for ConfigurationWatch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigurationWatch")
            .field("configuration", &self.configuration)
            .field("latest", &self.latest)
            .finish_non_exhaustive()
    }
}
