//! Running functions of the user.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message of a function of the user that panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panicked(pub(crate) String);

/// Runs a function of the user, whose panic must not take down more than its call.
pub(crate) fn guard<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    // What the function was changing is dropped with the call, so nobody sees it half changed.
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Panicked::with(&*payload))
}

impl Panicked {
    /// The message of a panic that was caught.
    pub(crate) fn with(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self(message.unwrap_or_else(|| "no message".to_string()))
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a function of the caller panicked: {}", self.0)
    }
}
