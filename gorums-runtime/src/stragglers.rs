//! What becomes of a decided call on the nodes that have not answered yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use crate::deadline::Deadline;
use crate::tasks::Tasks;

/// One node's calls that go on after they were decided, so that a replica that lags still applies a write.
///
/// At most `limit` of them are unfinished: beyond it, each new one withdraws the oldest. The oldest has long been
/// accepted by its server, and withdrawals come one by one, so that they never look like the bursts of resets
/// which make HTTP/2 servers hang up.
#[derive(Debug)]
pub(crate) struct Stragglers {
    limit: usize,
    tasks: Tasks,
    unfinished: Arc<AtomicUsize>,
    oldest_first: Mutex<VecDeque<AbortHandle>>,
}

impl Stragglers {
    pub(crate) fn new(limit: usize, tasks: Tasks) -> Self {
        Self {
            limit,
            tasks,
            unfinished: Arc::default(),
            oldest_first: Mutex::default(),
        }
    }

    /// Lets `call` go on until it ends or `deadline` passes.
    pub(crate) fn push(&self, call: impl Future<Output = ()> + Send + 'static, deadline: Deadline) {
        if self.limit == 0 {
            return;
        }
        let guard = Unfinished::new(&self.unfinished);
        let handle = self.tasks.spawn(async move {
            let _guard = guard;
            match deadline.instant() {
                // The error says that the call is late: its own drop is what withdraws it.
                Some(at) => drop(tokio::time::timeout_at(at, call).await),
                None => call.await,
            }
        });
        let mut oldest_first = self
            .oldest_first
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        oldest_first.push_back(handle);
        // Finished calls leave their handles behind; sweeping at twice the limit makes that constant per call.
        if oldest_first.len() > 2 * self.limit {
            oldest_first.retain(|handle| !handle.is_finished());
        }
        let excess = self
            .unfinished
            .load(Ordering::Relaxed)
            .saturating_sub(self.limit);
        let mut withdrawn = 0;
        while withdrawn < excess
            && let Some(oldest) = oldest_first.pop_front()
        {
            if !oldest.is_finished() {
                oldest.abort();
                withdrawn += 1;
            }
        }
    }
}

/// Counts one unfinished call for as long as it lives.
#[derive(Debug)]
struct Unfinished(Arc<AtomicUsize>);

impl Unfinished {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
