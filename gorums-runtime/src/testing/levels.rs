//! Correctables whose levels a test sets.

use std::fmt;

use tokio::sync::watch;

use crate::correctable::{Correctable, Correction, Progress};
use crate::quorum_call::QuorumCallError;

/// Creates a correctable without a call, for a mock to return, and the handle that sets its levels.
///
/// ```
/// use gorums_runtime::{Correction, testing};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (levels, correctable) = testing::correctable();
/// levels.give(Correction::preliminary("weak", 1));
/// assert!(correctable.reached(1).await);
/// levels.give(Correction::last("strong", 2));
/// let (value, level) = correctable.done().await.unwrap();
/// assert_eq!((*value, level), ("strong", 2));
/// # });
/// ```
pub fn correctable<T>() -> (Levels<T>, Correctable<T>) {
    let progress = watch::Sender::new(Progress::start());
    let correctable = Correctable::watching("testing.correctable", progress.subscribe());
    (Levels(progress), correctable)
}

/// Sets the levels of a correctable that has no call. [`correctable`] creates it.
///
/// If it is dropped before the last level, the correctable ends with the error `Closed`.
pub struct Levels<T>(watch::Sender<Progress<T>>);

impl<T> Levels<T> {
    /// Publishes a correction, as a quorum function would return it. Has no effect after the last one.
    pub fn give(&self, correction: Correction<T>) {
        self.0.send_modify(|progress| {
            if progress.end.is_none() {
                let Correction { value, level, last } = correction;
                let published = progress.publish(value, level, last);
                progress.end = last.then_some(Ok(published));
            }
        });
    }

    /// Ends the correctable with an error, unless it has ended.
    pub fn fail(&self, error: QuorumCallError) {
        self.0.send_modify(|progress| {
            progress.end.get_or_insert(Err(error));
        });
    }
}

impl<T> fmt::Debug for Levels<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Levels")
    }
}
