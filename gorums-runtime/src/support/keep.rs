//! Bounds the lifetime of background work.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::tasks::Tasks;

/// How long a node's background work goes on once nobody holds a handle to the node.
const GRACE: Duration = Duration::from_secs(2);

/// Keeps the background work of one node alive. The work ends some time after the last clone is dropped, so it must not
/// hold a clone itself.
#[derive(Clone, Debug)]
pub(crate) struct Keep(#[expect(dead_code, reason = "it is held to be dropped")] Arc<Kept>);

#[derive(Debug)]
struct Kept {
    tasks: Tasks,
    _manager: RuntimeWatch,
}

impl Keep {
    pub(crate) fn new(tasks: Tasks, manager: RuntimeWatch) -> Self {
        Self(Arc::new(Kept {
            tasks,
            _manager: manager,
        }))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.tasks.close_after(GRACE);
    }
}

/// Closes the tasks of a manager when their runtime ends, for those who wait for them on another runtime. Everything
/// that needs the tasks holds a clone.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeWatch(
    #[expect(dead_code, reason = "it is held to be dropped")] Arc<oneshot::Sender<Infallible>>,
);

impl RuntimeWatch {
    pub(crate) fn new(tasks: &Tasks) -> Self {
        let (held, dropped) = oneshot::channel();
        let on_end = CloseOnDrop(Some(tasks.clone()));
        let closed = tasks.closed().clone();
        tasks.runtime().spawn(async move {
            tokio::select! {
                _ = dropped => {}
                () = closed.cancelled() => {}
            }
            on_end.disarm();
        });
        Self(Arc::new(held))
    }
}

/// Closes tasks when dropped, unless disarmed.
struct CloseOnDrop(Option<Tasks>);

impl CloseOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(tasks) = &self.0 {
            tasks.close();
        }
    }
}
