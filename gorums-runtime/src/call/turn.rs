//! How much a call takes in at once.

use std::time::Duration;

use tokio::time::Instant;

/// What a call with streams of replies has taken in since it last looked at its deadline and let other tasks run. Nodes may
/// send without end: neither the deadline nor the thread is to wait for them.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// When the clock was first looked at.
    began: Option<Instant>,
    /// The replies until then, and since.
    replies: usize,
    /// The replies, and their bytes, since the clock was last looked at.
    unclocked: (usize, usize),
}

impl Turn {
    /// How many replies a turn has, at most.
    const REPLIES: usize = 4096;
    /// How long a turn is, about.
    const TIME: Duration = Duration::from_millis(1);
    /// After how many replies, or bytes of them, the clock is looked at.
    const UNCLOCKED: (usize, usize) = (64, 64 * 1024);

    /// Notes a reply of so many bytes.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.replies += 1;
        self.unclocked.0 += 1;
        self.unclocked.1 += bytes;
    }

    /// Whether no more is to be taken in now. The next turn then begins.
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
