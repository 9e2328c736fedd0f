//! How many replies a call handles before it yields.

use std::time::Duration;

use tokio::time::Instant;

/// What a call with streams of replies has handled since it last checked its deadline and yielded. Nodes may send
/// without end, which must delay neither the deadline nor other tasks.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// When the turn first read the clock.
    began: Option<Instant>,
    /// The number of replies in the turn.
    replies: usize,
    /// The replies, and their bytes, since the turn last read the clock.
    unclocked: (usize, usize),
}

impl Turn {
    /// The most replies of a turn.
    const REPLIES: usize = 4096;
    /// The approximate length of a turn.
    const TIME: Duration = Duration::from_millis(1);
    /// The turn reads the clock after this many replies, or bytes of them.
    const UNCLOCKED: (usize, usize) = (64, 64 * 1024);

    /// Counts a reply of `bytes` bytes.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.replies += 1;
        self.unclocked.0 += 1;
        self.unclocked.1 += bytes;
    }

    /// Whether the turn is over. If so, the next one begins.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.unclocked.0 < Self::UNCLOCKED.0 && self.unclocked.1 < Self::UNCLOCKED.1 {
            return false;
        }
        self.unclocked = (0, 0);
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let is_over = self.replies >= Self::REPLIES || now.duration_since(began) >= Self::TIME;
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_so_many_replies() {
        let mut turn = Turn::default();
        let mut taken = 0;
        while !turn.is_over() {
            turn.take(0);
            taken += 1;
        }
        assert!((1..=Turn::REPLIES).contains(&taken), "{taken}");
        assert!(!turn.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_ends_after_a_while_however_few_replies_it_had() {
        let mut turn = Turn::default();
        turn.take(usize::MAX / 2);
        assert!(!turn.is_over());
        tokio::time::advance(Turn::TIME).await;
        assert!(!turn.is_over());
        turn.take(usize::MAX / 2);
        assert!(turn.is_over());
    }
}
