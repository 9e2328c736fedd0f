//! How much hedging is left.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bucket of tokens, of which each call brings a part and each hedge takes one.
pub(super) struct Budget {
    /// In thousandths.
    tokens: AtomicU64,
    /// What a call brings, in thousandths.
    share: u64,
    /// How many fit in, in thousandths.
    most: u64,
}

const TOKEN: u64 = 1000;

impl Budget {
    /// What a call brings by default.
    pub(super) const SHARE: f64 = 0.1;
    /// How many tokens there are at most by default.
    pub(super) const MOST: u32 = 10;

    /// A full bucket.
    pub(super) fn new(share: f64, most: u32) -> Self {
        let most = u64::from(most) * TOKEN;
        Self {
            tokens: AtomicU64::new(most),
            // Saturates.
            share: (share * TOKEN as f64).round() as u64,
            most,
        }
    }

    /// A full bucket of the same size.
    pub(super) fn fresh(&self) -> Self {
        Self {
            tokens: AtomicU64::new(self.most),
            ..*self
        }
    }

    /// Adds what a call brings.
    pub(super) fn refill(&self) {
        // The full bucket is the usual case, and is not written to.
        if self.tokens.load(Ordering::Relaxed) < self.most {
            self.update(|tokens| tokens.saturating_add(self.share).min(self.most));
        }
    }

    /// Takes up to `wanted` tokens. Returns how many there were.
    pub(super) fn take(&self, wanted: usize) -> usize {
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let taken = |tokens: u64| (tokens / TOKEN).min(wanted);
        let before = self.update(|tokens| tokens - taken(tokens) * TOKEN);
        usize::try_from(taken(before)).unwrap_or(usize::MAX)
    }

    /// Changes the number of tokens. Returns what it was.
    fn update(&self, change: impl Fn(u64) -> u64) -> u64 {
        let mut before = self.tokens.load(Ordering::Relaxed);
        loop {
            let after = change(before);
            let exchanged = self.tokens.compare_exchange_weak(
                before,
                after,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match exchanged {
                Ok(_) => return before,
                Err(now) => before = now,
            }
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.tokens.load(Ordering::Relaxed) as f64 / TOKEN as f64;
        f.debug_tuple("Budget").field(&tokens).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_brings_its_share_and_each_hedge_takes_a_token() {
        let budget = Budget::new(0.25, 2);
        assert_eq!((budget.take(1), budget.take(5), budget.take(1)), (1, 1, 0));
        for _ in 0..3 {
            budget.refill();
            assert_eq!(budget.take(1), 0);
        }
        budget.refill();
        assert_eq!((budget.take(1), budget.take(1)), (1, 0));
    }

    #[test]
    fn the_budget_does_not_grow_beyond_its_size() {
        let budget = Budget::new(1e300, 2);
        for _ in 0..5 {
            budget.refill();
        }
        assert_eq!(budget.take(usize::MAX), 2);
        assert_eq!(budget.fresh().take(3), 2);
        assert_eq!(Budget::new(0.0, 0).take(1), 0);
    }
}
