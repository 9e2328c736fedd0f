//! Calls whose result improves as replies arrive.
//!
//! Owns the levels that such a call publishes. Imports `quorum_call` and what is below it. Does not know how replies
//! are collected.

mod call;
mod correction;

pub use call::CorrectableCall;
pub use correction::{Correct, Correction};

use std::fmt;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::quorum_call::{QuorumCallError, Undecided};

/// A call in flight whose result gets better as replies arrive.
///
/// After each reply, the quorum function may return a value and its level, until it returns the last one. There is no
/// level before the first value. The level never falls: a value is published only if its level is above the one before,
/// or if it is the last.
///
/// The latest value, and the error if the call ended without a last one, stay readable after the call has ended.
///
/// # Cancel safety
///
/// Every method may be left and called again. Dropping a correctable before its call has ended withdraws the call
/// from every node, unless [`detach`](Self::detach) is used.
#[must_use = "dropping a correctable withdraws its call; `detach` lets it go on"]
pub struct Correctable<T> {
    method: &'static str,
    progress: watch::Receiver<Progress<T>>,
    /// `None` once the call is detached, or if there is no call.
    task: Option<JoinHandle<()>>,
}

/// A value and its level. Watchers share the value.
type Leveled<T> = (Arc<T>, i32);

/// The progress of a call.
pub(crate) struct Progress<T> {
    latest: Option<Leveled<T>>,
    /// How many values there have been.
    version: u64,
    pub(crate) end: Option<Result<Leveled<T>, QuorumCallError>>,
}

impl<T> Correctable<T> {
    /// A correctable that has no call of its own.
    pub(crate) fn watching(method: &'static str, progress: watch::Receiver<Progress<T>>) -> Self {
        Self {
            method,
            progress,
            task: None,
        }
    }

    /// The latest value and its level, if there is one yet.
    pub fn latest(&self) -> Option<(Arc<T>, i32)> {
        self.progress.borrow().latest.clone()
    }

    /// The level of the latest value; `None` before the first.
    pub fn level(&self) -> Option<i32> {
        self.progress.borrow().level()
    }

    /// Why the call ended without a last value. `None` while it goes on, and if it ended with one.
    pub fn error(&self) -> Option<QuorumCallError> {
        // Checked first: the task publishes the end of the call before it ends itself.
        let is_abandoned = self.is_abandoned();
        match &self.progress.borrow().end {
            Some(Err(error)) => Some(error.clone()),
            None if is_abandoned => Some(self.closed()),
            _ => None,
        }
    }

    /// Whether the call has ended.
    pub fn is_done(&self) -> bool {
        self.is_abandoned() || self.progress.borrow().end.is_some()
    }

    /// Waits until the level is at `level` or above, or the call has ended. True if the level was reached.
    pub async fn reached(&self, level: i32) -> bool {
        let mut progress = self.progress.clone();
        let enough = |progress: &Progress<T>| progress.has(level) || progress.end.is_some();
        match progress.wait_for(enough).await {
            Ok(progress) => progress.has(level),
            // The manager's runtime has ended.
            Err(_) => self.progress.borrow().has(level),
        }
    }

    /// Waits until the call has ended, and returns its last value and level.
    ///
    /// # Errors
    ///
    /// If the call ended before the quorum function returned a last value, for example because the manager was closed
    /// or its runtime ended. An earlier value is still available from [`latest`](Self::latest).
    pub async fn done(&self) -> Result<(Arc<T>, i32), QuorumCallError> {
        let mut progress = self.progress.clone();
        let ended = progress.wait_for(|progress| progress.end.is_some()).await;
        let end = ended.ok().and_then(|progress| progress.end.clone());
        // If there is no end, the manager's runtime has ended.
        end.unwrap_or_else(|| Err(self.closed()))
    }

    /// The values and their levels, from the latest one on, until the call has ended. A slow reader may miss
    /// intermediate values, but never the latest.
    pub fn updates(&self) -> impl Stream<Item = (Arc<T>, i32)> + Send + 'static
    where
        T: Send + Sync + 'static,
    {
        let watcher = (self.progress.clone(), 0);
        futures::stream::unfold(watcher, |(mut progress, seen)| async move {
            let changed =
                |progress: &Progress<T>| progress.version > seen || progress.end.is_some();
            let (latest, version) = {
                let progress = progress.wait_for(changed).await.ok()?;
                (progress.latest.clone(), progress.version)
            };
            let latest = latest.filter(|_| version > seen)?;
            Some((latest, (progress, version)))
        })
    }

    /// Whether there will be no more values although the call has not ended: its task is gone.
    fn is_abandoned(&self) -> bool {
        self.progress.has_changed().is_err() && self.progress.borrow().end.is_none()
    }

    fn closed(&self) -> QuorumCallError {
        QuorumCallError::new(self.method, Undecided::Closed, 0, Vec::new())
    }

    /// Lets the call go on in the background. The call keeps its nodes connected until it ends, so give it a timeout:
    /// otherwise nodes that never answer make it last for ever.
    pub fn detach(mut self) {
        self.task = None;
    }
}

impl<T> Progress<T> {
    pub(crate) fn start() -> Self {
        Self {
            latest: None,
            version: 0,
            end: None,
        }
    }

    /// Publishes `value` if its level is above the one before, or if it is the last.
    pub(crate) fn publish(&mut self, value: T, level: i32, last: bool) -> Leveled<T> {
        let highest = self.level().map_or(level, |before| before.max(level));
        let leveled = (Arc::new(value), highest);
        if last || self.level().is_none_or(|before| level > before) {
            self.latest = Some(leveled.clone());
            self.version += 1;
        }
        leveled
    }

    fn level(&self) -> Option<i32> {
        self.latest.as_ref().map(|(_, level)| *level)
    }

    fn has(&self, level: i32) -> bool {
        self.level().is_some_and(|reached| reached >= level)
    }
}

impl<T> Drop for Correctable<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl<T> fmt::Debug for Correctable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correctable")
            .field("level", &self.level())
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
