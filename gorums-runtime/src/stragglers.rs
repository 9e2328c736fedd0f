//! What becomes of a decided call on the nodes that have not answered yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use crate::tasks::Tasks;

/// How many finished calls are kept in mind besides as many as are unfinished.
const FINISHED: usize = 64;

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
    oldest_first: Mutex<VecDeque<Straggler>>,
}

/// A call that goes on.
#[derive(Debug)]
struct Straggler {
    task: AbortHandle,
    place: Arc<Place>,
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

    /// Lets `call` go on until it ends.
    pub(crate) fn push(&self, call: impl Future<Output = ()> + Send + 'static) {
        if self.limit == 0 {
            return;
        }
        let place = Place::taken(&self.unfinished);
        let leave = Leave(Arc::clone(&place));
        let task = self.tasks.spawn(async move {
            let _leave = leave;
            call.await;
        });
        let mut oldest_first = self
            .oldest_first
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        oldest_first.push_back(Straggler { task, place });
        // Finished calls stay in the queue, and keep the memory of their tasks. Sweeping once they are the most costs each
        // call a constant time.
        if oldest_first.len() > 2 * self.unfinished.load(Ordering::SeqCst) + FINISHED {
            oldest_first.retain(|straggler| !straggler.place.is_left());
            oldest_first.shrink_to(2 * FINISHED);
        }
        while self.unfinished.load(Ordering::SeqCst) > self.limit
            && let Some(oldest) = oldest_first.pop_front()
        {
            // An aborted task ends some time later: its place is left now, lest the next be withdrawn in its stead.
            oldest.place.leave();
            oldest.task.abort();
        }
    }
}

/// The place of one call among the unfinished ones, which it leaves once.
#[derive(Debug)]
struct Place {
    unfinished: Arc<AtomicUsize>,
    left: AtomicBool,
}

impl Place {
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

/// Leaves a place when its call ends, in whatever way.
struct Leave(Arc<Place>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_that_have_ended_keep_no_memory() {
        let stragglers = Stragglers::new(16_384, Tasks::new());
        let unfinished = Arc::new(());
        for _ in 0..100 {
            for _ in 0..100 {
                let held = Arc::clone(&unfinished);
                stragglers.push(async move { drop(held) });
            }
            while Arc::strong_count(&unfinished) > 1 {
                tokio::task::yield_now().await;
            }
        }
        let kept = stragglers.oldest_first.lock().expect("nobody panics").len();
        assert!(kept <= 3 * 100 + FINISHED, "{kept}");
    }
}
