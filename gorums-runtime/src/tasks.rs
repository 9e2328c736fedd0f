//! Background work that ends when its manager closes, or its node is removed.

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
}

impl Tasks {
    /// Tasks on the current tokio runtime.
    pub(crate) fn new() -> Self {
        Self {
            runtime: Handle::current(),
            closed: CancellationToken::new(),
        }
    }

    /// Tasks that end when these do, and that can be ended without them.
    pub(crate) fn child(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            closed: self.closed.child_token(),
        }
    }

    /// Runs `task` until it ends or is ended with all tasks, whichever comes first.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let closed = self.closed.clone();
        self.runtime
            .spawn(async move {
                closed.run_until_cancelled_owned(task).await;
            })
            .abort_handle()
    }

    /// Like [`spawn`](Self::spawn), but `task` is under way when this returns.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut task = Box::pin(task);
        // Were its first poll left to the runtime, the task could be overtaken by one that is started later.
        let ended = {
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
        self.closed.cancel();
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
