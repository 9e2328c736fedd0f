//! Which one-way calls a node has refused.

use std::sync::{Mutex, PoisonError};

/// How far behind the latest refusal another one may be: handlers may refuse slightly out of order.
const WINDOW: u64 = u128::BITS as u64;

/// The one-way calls that a node has refused, for example because a payload did not decode. Each counts once, and only
/// if it was made, so a node cannot report more errors than it was sent messages.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    /// The index that follows the latest one.
    next: u64,
    /// Bit n is set if the index n + 1 before `next` was refused.
    refused: u128,
}

impl Refusals {
    /// Notes the refusal of the one-way call with this index, of `made` in total. Returns whether it counts.
    pub(super) fn note(&self, index: u64, made: u64) -> bool {
        if index >= made {
            return false;
        }
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if index >= window.next {
            let by = u32::try_from(index + 1 - window.next).ok();
            let shifted = by.and_then(|by| window.refused.checked_shl(by));
            window.refused = shifted.unwrap_or_default() | 1;
            window.next = index + 1;
            return true;
        }
        let behind = window.next - 1 - index;
        if behind >= WINDOW || window.refused >> behind & 1 == 1 {
            return false;
        }
        window.refused |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_that_was_made_counts_once() {
        let refusals = Refusals::default();
        let noted = [3, 3, 5, 4, 4, 0, 9, 10].map(|index| refusals.note(index, 10));
        assert_eq!(noted, [true, false, true, true, false, true, true, false]);
    }

    #[test]
    fn what_comes_far_behind_does_not_count() {
        let refusals = Refusals::default();
        assert!(refusals.note(1000, u64::MAX));
        assert!(!refusals.note(1000 - WINDOW, u64::MAX));
        assert!(refusals.note(1001 - WINDOW, u64::MAX));
        assert!(!refusals.note(1001 - WINDOW, u64::MAX));
        assert!(refusals.note(1 << 50, u64::MAX));
        assert!(!refusals.note(1000, u64::MAX));
    }
}
