//! Background work that ends when its manager closes, or its node is removed.

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

/// Spawns the tasks of one manager, or of one of its nodes: connections, and the calls that nobody waits for.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    runtime: Handle,
    closed: CancellationToken,
    close: Arc<Close>,
}

/// Whether tasks are ended, for a look that takes no lock.
#[derive(Debug, Default)]
struct Close {
    is_set: AtomicBool,
    /// That of the tasks which these end with.
    parent: Option<Arc<Close>>,
}

impl Close {
    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
            || self.parent.as_ref().is_some_and(|parent| parent.is_set())
    }
}

impl Tasks {
    /// Tasks on the current tokio runtime.
    pub(crate) fn new() -> Self {
        Self {
            runtime: Handle::current(),
            closed: CancellationToken::new(),
            close: Arc::default(),
        }
    }

    /// Tasks that end when these do, and that can be ended without them.
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

    /// Runs `task` until it ends or is ended with all tasks, whichever comes first.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let (closed, close) = (self.closed.clone(), Arc::clone(&self.close));
        let until_closed = async move {
            let mut closed = pin!(closed.cancelled());
            let mut task = pin!(task);
            let mut is_woken = false;
            // The waker of a task is always the same, so that it suffices to have it woken once. To ask the token at each
            // poll would take a twentieth of the instructions of a call with no other beside it.
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

    /// Like [`spawn`](Self::spawn), but `task` is under way when this returns.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut task = Box::pin(task);
        // Were its first poll left to the runtime, the task could be overtaken by one that is started later. On a
        // runtime that has ended its timers would panic.
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

    /// The runtime that the manager was made on.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Ends all tasks, now and from now on.
    pub(crate) fn close(&self) {
        self.close.is_set.store(true, Ordering::Release);
        self.closed.cancel();
    }

    /// Ends all tasks some time from now. Outside of their runtime's life they have ended.
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

    /// Whether all tasks are ended: the manager is closed, or the node was removed.
    pub(crate) fn is_closed(&self) -> bool {
        self.close.is_set()
    }

    /// Cancelled when all tasks are ended: the manager closes, or the node is removed.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }
}

impl hyper::rt::Executor<BoxFuture<'static, ()>> for Tasks {
    fn execute(&self, task: BoxFuture<'static, ()>) {
        self.spawn(task);
    }
}
