//! Turns of connections that move many bytes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::Extensions;
use tokio::task::coop::poll_proceed;

/// So many bytes count as one operation of tokio's cooperative budget, of which a task has 128 in each poll.
const OPERATION: usize = 1024;

/// The same while a large transfer is on its way. Shorter turns cost calls of 64 KiB an eighth of their rate, and the
/// calls beside a transfer gain little by turns that are shorter still.
const SHORT_OPERATION: usize = OPERATION / 2;

/// For how long the task of a connection moves bytes before other tasks have their turn: 128 KiB, or 64 KiB while there
/// are large transfers. Clones are those of the same connection.
///
/// tokio itself counts reads and writes, of which one can move much more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    /// How many large transfers are on their way.
    large: Arc<AtomicUsize>,
}

/// A large transfer. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct LargeTransfer(Turns);

impl Turns {
    /// Begins a large transfer.
    pub(crate) fn begin_large(&self) -> LargeTransfer {
        self.large.fetch_add(1, Ordering::Relaxed);
        LargeTransfer(self.clone())
    }

    /// Counts the bytes that the connection has moved against its task's budget.
    pub(crate) fn count_moved(&self, cx: &mut Context<'_>, bytes: usize) {
        let operation = match self.large.load(Ordering::Relaxed) {
            0 => OPERATION,
            _ => SHORT_OPERATION,
        };
        for _ in 0..bytes / operation {
            match poll_proceed(cx) {
                Poll::Ready(budget) => budget.made_progress(),
                // The next operation on the connection is put off, and the task is woken for it.
                Poll::Pending => return,
            }
        }
    }

    /// The same for the outcome of a write.
    pub(crate) fn count_written(
        &self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.count_moved(cx, *bytes);
        }
        written
    }
}

impl Drop for LargeTransfer {
    fn drop(&mut self) {
        self.0.large.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes the request with these extensions a large transfer of its connection, until they are dropped. Of a connection
/// without turns, it is none.
pub(crate) fn begin_large(extensions: &mut Extensions) {
    if let Some(turns) = extensions.get::<Turns>() {
        let transfer = Arc::new(turns.begin_large());
        extensions.insert(transfer);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::coop::has_budget_remaining;
    use tokio::task::yield_now;

    use super::*;

    /// Moves bytes, and says whether the task's turn goes on.
    async fn moved(turns: &Turns, bytes: usize) -> bool {
        poll_fn(|cx| {
            turns.count_moved(cx, bytes);
            Poll::Ready(has_budget_remaining())
        })
        .await
    }

    #[tokio::test]
    async fn a_task_that_has_moved_many_bytes_has_used_its_turn_up() {
        let turns = Turns::default();
        assert!(moved(&turns, OPERATION - 1).await);
        assert!(moved(&turns, 100 * OPERATION).await);
        assert!(!moved(&turns, 100 * OPERATION).await);
        yield_now().await;
        assert!(moved(&turns, OPERATION).await);
    }

    #[tokio::test]
    async fn a_turn_is_half_as_long_until_the_last_request_with_a_stream_is_dropped() {
        let turns = Turns::default();
        let bytes = 100 * OPERATION;
        let requests = [(); 2].map(|()| {
            let mut request = Extensions::new();
            request.insert(turns.clone());
            begin_large(&mut request);
            request
        });
        for request in requests {
            yield_now().await;
            assert!(!moved(&turns, bytes).await);
            drop(request);
        }
        yield_now().await;
        assert!(moved(&turns, bytes).await);
        begin_large(&mut Extensions::new());
    }
}
