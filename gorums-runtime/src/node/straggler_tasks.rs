//! Decided calls that go on at a node, over plain gRPC.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use crate::support::Tasks;

/// Up to this number of finished calls, a sweep is not worth its cost.
const SWEPT: usize = 64;

/// One node's calls that go on after they were decided, so that a replica that lags still applies a write.
///
/// At most `limit` of them are unfinished. Beyond that, each new one withdraws the oldest, which its server has
/// accepted long ago. Withdrawals thus come one by one, and never look like the bursts of resets after which HTTP/2
/// servers close a connection.
#[derive(Debug)]
pub(crate) struct StragglerTasks {
    limit: usize,
    tasks: Tasks,
    unfinished: Arc<AtomicUsize>,
    oldest_first: Mutex<VecDeque<StragglerTask>>,
}

/// A call that goes on.
#[derive(Debug)]
struct StragglerTask {
    task: AbortHandle,
    place: Arc<StragglerPlace>,
}

impl StragglerTasks {
    pub(crate) fn new(limit: usize, tasks: Tasks) -> Self {
        Self {
            limit,
            tasks,
            unfinished: Arc::default(),
            oldest_first: Mutex::default(),
        }
    }

    /// How many calls go on.
    #[cfg(feature = "metrics")]
    pub(super) fn len(&self) -> usize {
        self.unfinished.load(Ordering::SeqCst)
    }

    /// Lets `call` go on until it ends.
    pub(crate) fn push(&self, call: impl Future<Output = ()> + Send + 'static) {
        if self.limit == 0 {
            return;
        }
        let place = StragglerPlace::taken(&self.unfinished);
        let leave = Leave(Arc::clone(&place));
        let task = self.tasks.spawn(async move {
            let _leave = leave;
            call.await;
        });
        let mut oldest_first = self
            .oldest_first
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        oldest_first.push_back(StragglerTask { task, place });
        // A finished call keeps its task's memory while it is in the queue. A sweep removes at least as many calls as
        // it leaves, so its cost per call is constant.
        if oldest_first.len() > 2 * self.unfinished.load(Ordering::SeqCst) + SWEPT {
            oldest_first.retain(|straggler| !straggler.place.is_left());
        }
        while self.unfinished.load(Ordering::SeqCst) > self.limit
            && let Some(oldest) = oldest_first.pop_front()
        {
            // An aborted task ends some time later. It leaves its place now, so that the next call is not withdrawn
            // instead.
            oldest.place.leave();
            oldest.task.abort();
        }
    }
}

/// The place of one call among the unfinished ones, which it leaves once.
#[derive(Debug)]
struct StragglerPlace {
    unfinished: Arc<AtomicUsize>,
    left: AtomicBool,
}

impl StragglerPlace {
    fn taken(unfinished: &Arc<AtomicUsize>) -> Arc<Self> {
        unfinished.fetch_add(1, Ordering::SeqCst);
        Arc::new(Self {
            unfinished: Arc::clone(unfinished),
            left: AtomicBool::new(false),
        })
    }

    fn leave(&self) {
        if !self.left.swap(true, Ordering::SeqCst) {
            self.unfinished.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }
}

/// Leaves a place when its call ends, however it ends.
struct Leave(Arc<StragglerPlace>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn calls_that_have_ended_are_not_kept() {
        let stragglers = StragglerTasks::new(16_384, Tasks::new());
        // One goes on, and is kept.
        stragglers.push(std::future::pending());
        for _ in 0..10_000 {
            stragglers.push(std::future::ready(()));
            let ended = async {
                while stragglers.unfinished.load(Ordering::SeqCst) > 1 {
                    tokio::task::yield_now().await;
                }
            };
            let in_time = tokio::time::timeout(Duration::from_secs(60), ended).await;
            in_time.expect("the call that is over ends");
        }
        let oldest_first = stragglers.oldest_first.lock().expect("not poisoned");
        assert!(oldest_first.len() <= 100, "{} are kept", oldest_first.len());
        assert!(!oldest_first[0].place.is_left());
    }
}
