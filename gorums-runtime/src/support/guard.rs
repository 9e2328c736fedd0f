//! Catches panics of the user's code.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

use super::text::cut;

/// How many bytes of a panic's message are kept.
const MESSAGE: usize = 4 * 1024;

/// The message of a panic in the user's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panicked(pub(crate) String);

/// Runs a function of the user. A panic in it must fail its call only.
#[inline]
pub(crate) fn guard<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Whatever the function was changing is dropped with the call, so nobody sees it half changed.
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Panicked::with(&*payload))
}

/// Like [`guard`], for a future that runs the user's code.
pub(crate) async fn guarded<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let outcome = AssertUnwindSafe(future).catch_unwind().await;
    outcome.map_err(|payload| Panicked::with(&*payload))
}

impl Panicked {
    /// Reads the message of a caught panic.
    pub(crate) fn with(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        message.map_or_else(Self::without_message, |message| Self(cut(message, MESSAGE)))
    }

    /// A panic whose payload is not text.
    pub(crate) fn without_message() -> Self {
        Self("no message".to_string())
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a function of the caller panicked: {}", self.0)
    }
}
