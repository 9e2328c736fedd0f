//! Turns of connections that move many bytes.

use std::io;
use std::task::{Context, Poll};

use tokio::task::coop::poll_proceed;

/// So many bytes count as one operation of tokio's cooperative budget, of which a task has 128 in each poll.
const OPERATION: usize = 1024;

/// Counts the bytes that a connection has moved against its task's budget, so that a large transfer lets other tasks run.
///
/// tokio itself counts reads and writes, of which one can move much more.
pub(crate) fn count_moved(cx: &mut Context<'_>, bytes: usize) {
    for _ in 0..bytes / OPERATION {
        match poll_proceed(cx) {
            Poll::Ready(budget) => budget.made_progress(),
            // The next operation on the connection is put off, and the task is woken for it.
            Poll::Pending => return,
        }
    }
}

/// The same for the outcome of a write.
pub(crate) fn count_written(
    cx: &mut Context<'_>,
    written: Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &written {
        count_moved(cx, *bytes);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::coop::has_budget_remaining;

    use super::*;

    #[tokio::test]
    async fn a_task_that_has_moved_many_bytes_has_used_its_turn_up() {
        let moved = |bytes| {
            poll_fn(move |cx| {
                count_moved(cx, bytes);
                Poll::Ready(has_budget_remaining())
            })
        };
        assert!(moved(OPERATION - 1).await);
        assert!(moved(100 * OPERATION).await);
        assert!(!moved(100 * OPERATION).await);
        tokio::task::yield_now().await;
        assert!(moved(OPERATION).await);
    }
}
