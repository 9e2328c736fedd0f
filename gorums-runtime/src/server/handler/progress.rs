//! Detects clients that do not take their replies.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};

/// How many checks in a row find no progress before a client counts as stalled.
const LOOKS: u32 = 4;

/// The progress of a response body: how often HTTP/2 has polled it, and whether the last poll returned data.
///
/// HTTP/2 polls again only once the client's window has let the data of the last poll through.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU64);

impl Progress {
    /// Notes a poll by HTTP/2, and whether it returned data. Only the body itself calls this.
    pub(crate) fn asked(&self, gave: bool) {
        let times = self.0.load(Ordering::Relaxed) >> 1;
        let noted = (times.wrapping_add(1) << 1) | u64::from(gave);
        self.0.store(noted, Ordering::Relaxed);
    }

    /// Waits until the client has let none of the data through for `timeout`, or up to a quarter longer.
    pub(crate) async fn stalled(&self, timeout: Duration) {
        let interval = (timeout / LOOKS).max(Duration::from_millis(1));
        let mut seen = self.0.load(Ordering::Relaxed);
        let mut still = 0;
        while still < LOOKS {
            tokio::time::sleep(interval).await;
            let now = self.0.load(Ordering::Relaxed);
            let is_given = now & 1 == 1;
            still = match is_given && now == seen {
                true => still + 1,
                false => 0,
            };
            seen = now;
        }
    }
}

/// Takes the next piece of `rest`, at most `most` bytes. Copies it, so that the piece does not keep the memory of
/// `rest` alive.
pub(crate) fn next_piece(rest: &mut Bytes, most: usize) -> Bytes {
    let len = most.min(rest.len());
    let piece = Bytes::copy_from_slice(&rest[..len]);
    rest.advance(len);
    piece
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(4);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_something_to_take_and_takes_nothing_is_stalled() {
        let progress = Progress::default();
        progress.asked(true);
        let mut stalled = Box::pin(progress.stalled(TIMEOUT));
        for _ in 0..3 {
            assert!((&mut stalled).now_or_never().is_none());
            tokio::time::advance(TIMEOUT - Duration::from_secs(1)).await;
            progress.asked(true);
        }
        stalled.await;
    }

    #[test]
    fn a_piece_does_not_keep_the_memory_of_the_rest() {
        let mut rest: Bytes = vec![7; 100].into();
        let first = next_piece(&mut rest, 60);
        assert_eq!((first.len(), rest.len()), (60, 40));
        assert!(rest.is_unique(), "only the rest has it");
        let last = next_piece(&mut rest, 60);
        assert_eq!((last.len(), rest.len()), (40, 0));
        assert!(rest.is_unique(), "only the rest has it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_nothing_to_take_is_not_stalled() {
        let progress = Progress::default();
        progress.asked(true);
        progress.asked(false);
        let waited = tokio::time::timeout(10 * TIMEOUT, progress.stalled(TIMEOUT)).await;
        waited.expect_err("it has taken all");
    }
}
