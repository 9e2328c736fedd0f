//! What a node has said about who keeps its calls waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::wire::CallNumber;

/// How many bytes of a method's name are kept.
const LONGEST: usize = 256;

/// The call whose handler keeps its turn at a node, as the node said last.
#[derive(Debug, Default)]
pub(super) struct HeldTurn(Mutex<Option<Holder>>);

#[derive(Debug)]
struct Holder {
    /// The call that has the turn.
    number: u64,
    /// Its service and method.
    method: Box<str>,
    /// When the node said so.
    at: Instant,
}

impl HeldTurn {
    /// Notes what the node says at `at`: a number, a space, and a service and a method.
    pub(super) fn note(&self, value: &str, at: Instant) {
        let Some((number, method)) = value.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse() else {
            return;
        };
        let is_name = method.len() <= LONGEST && method.bytes().all(|byte| byte.is_ascii_graphic());
        let method = if is_name { method } else { "a method" };
        *self.lock() = Some(Holder {
            number,
            method: method.into(),
            at,
        });
    }

    /// The method of the call that has kept the call `number`, sent at `sent`, waiting, if the node said so.
    pub(super) fn ahead_of(&self, number: CallNumber, sent: Instant) -> Option<Box<str>> {
        let holder = self.lock();
        let holder = holder.as_ref()?;
        let waits = holder.at >= sent && holder.number != number.get();
        waits.then(|| holder.method.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u64) -> CallNumber {
        CallNumber::received(number).expect("not 0")
    }

    #[test]
    fn a_call_waits_for_another_one_if_the_node_said_so_after_it_was_sent() {
        let held = HeldTurn::default();
        let sent = Instant::now();
        assert_eq!(held.ahead_of(number(2), sent), None);
        held.note("1 a.B/C", sent);
        assert_eq!(held.ahead_of(number(2), sent).as_deref(), Some("a.B/C"));
        assert_eq!(
            held.ahead_of(number(1), sent),
            None,
            "it has the turn itself"
        );
        let later = sent + std::time::Duration::from_secs(1);
        assert_eq!(held.ahead_of(number(3), later), None);
    }

    #[test]
    fn what_is_malformed_or_too_long_is_not_repeated() {
        let held = HeldTurn::default();
        let sent = Instant::now();
        for malformed in ["", "1", "x a.B/C", "-1 a.B/C"] {
            held.note(malformed, sent);
            assert_eq!(held.ahead_of(number(2), sent), None, "{malformed}");
        }
        for strange in [
            format!("1 {}", "x".repeat(LONGEST + 1)),
            "1 a\nb".to_owned(),
        ] {
            held.note(&strange, sent);
            assert_eq!(held.ahead_of(number(2), sent).as_deref(), Some("a method"));
        }
    }
}
