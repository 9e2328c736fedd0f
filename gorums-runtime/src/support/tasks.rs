//! Background tasks that end when their manager closes or their node is removed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// Spawns the tasks of one manager, or of one of its nodes: connections, and calls that nobody awaits.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    runtime: Handle,
    closed: CancellationToken,
    close: Arc<Close>,
}

/// Whether tasks have to end, readable without a lock.
#[derive(Debug, Default)]
struct Close {
    is_set: AtomicBool,
    /// The flag of the parent, whose end also ends these tasks.
    parent: Option<Arc<Close>>,
}

impl Close {
    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
            || self.parent.as_ref().is_some_and(|parent| parent.is_set())
    }
}

impl Tasks {
    /// Creates a spawner on the current tokio runtime.
    pub(crate) fn new() -> Self {
        Self {
            runtime: Handle::current(),
            closed: CancellationToken::new(),
            close: Arc::default(),
        }
    }

    /// Creates a spawner whose tasks end when those of this one do, or before.
    pub(crate) fn child(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            closed: self.closed.child_token(),
            close: Arc::new(Close {
                is_set: AtomicBool::new(false),
                parent: Some(Arc::clone(&self.close)),
            }),
        }
    }

    /// Runs `task` until it completes or the tasks are closed.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let (closed, close) = (self.closed.clone(), Arc::clone(&self.close));
        let until_closed = async move {
            let mut closed = pin!(closed.cancelled());
            let mut task = pin!(task);
            let mut is_woken = false;
            // A task's waker never changes, so one poll of the token registers it for good. Polling it each time would
            // take a twentieth of a call's instructions (`bench/benches/instructions.rs`, one call at a time).
            poll_fn(|cx| {
                if !is_woken || close.is_set() {
                    is_woken = true;
                    if closed.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(());
                    }
                }
                task.as_mut().poll(cx)
            })
            .await;
        };
        self.runtime.spawn(until_closed).abort_handle()
    }

    /// Like [`spawn`](Self::spawn), but polls `task` once before it returns.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut task = Box::pin(task);
        // If the runtime made the first poll, a task that is started later could overtake this one. A closed runtime's
        // timers would panic.
        let ended = !self.is_closed() && {
            let _runtime = self.runtime.enter();
            task.as_mut().now_or_never().is_some()
        };
        self.spawn(async move {
            if !ended {
                task.await;
            }
        })
    }

    /// The runtime that the manager was created on.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Ends all tasks, including those that are spawned later.
    pub(crate) fn close(&self) {
        self.close.is_set.store(true, Ordering::Release);
        self.closed.cancel();
    }

    /// Ends all tasks after `grace`. If their runtime ends before, so do they.
    pub(crate) fn close_after(&self, grace: Duration) {
        if self.is_closed() {
            return;
        }
        let tasks = self.clone();
        self.runtime.spawn(async move {
            let closed = tasks.closed.cancelled();
            if tokio::time::timeout(grace, closed).await.is_err() {
                tasks.close();
            }
        });
    }

    /// Whether all tasks have to end: the manager is closed, or the node was removed.
    pub(crate) fn is_closed(&self) -> bool {
        self.close.is_set()
    }

    /// Cancelled when all tasks have to end: the manager closes, or the node is removed.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }
}

impl hyper::rt::Executor<BoxFuture<'static, ()>> for Tasks {
    fn execute(&self, task: BoxFuture<'static, ()>) {
        self.spawn(task);
    }
}
