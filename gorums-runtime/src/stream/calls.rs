//! The calls that wait for replies.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Status;

use super::inbox::Inbox;
use crate::NodeId;

/// How many bits of a call's number say where it is in the table. The rest say how often its place was taken before, so
/// that a late reply is not mistaken for that of another call.
const PLACE_BITS: u32 = 24;

/// The numbers of calls without replies: they have no place in the table.
const ONE_WAY: u64 = 1 << 62;

/// The calls of one manager that wait for replies. A call has one number on the streams to all nodes.
///
/// A call is in the table for as long as it lives: when it ends, in whatever way, nothing of it is left.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Inner>);

#[derive(Default)]
struct Inner {
    places: Mutex<Places>,
    one_way: AtomicU64,
    ignored: AtomicU64,
}

#[derive(Default)]
struct Places {
    places: Vec<Place>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Place {
    /// How often the place was taken.
    round: u64,
    call: Option<Arc<Inbox>>,
}

/// A call's place in the table, which it leaves when this is dropped.
pub(crate) struct Registration {
    calls: Calls,
    number: u64,
}

impl Calls {
    /// Gives a call a number.
    pub(crate) fn register(&self, inbox: Arc<Inbox>) -> Result<Registration, Status> {
        let mut places = self.lock();
        let index = match places.free.pop() {
            Some(index) => index,
            // Place 0 is not used, so that the first call has the number 1.
            None if places.places.len() + 1 < 1 << PLACE_BITS => {
                places.places.push(Place::default());
                places.places.len() - 1
            }
            None => return Err(Self::full()),
        };
        let place = &mut places.places[index];
        place.call = Some(inbox);
        let number = place.round << PLACE_BITS | (index as u64 + 1);
        drop(places);
        Ok(Registration {
            calls: self.clone(),
            number,
        })
    }

    /// The status of a call that cannot be given a number.
    pub(crate) fn full() -> Status {
        let most = (1u32 << PLACE_BITS) - 1;
        Status::resource_exhausted(format!(
            "{most} calls of this manager wait for replies; let some of them end first"
        ))
    }

    /// The number of a call without replies.
    pub(crate) fn one_way(&self) -> u64 {
        ONE_WAY | self.0.one_way.fetch_add(1, Ordering::Relaxed)
    }

    /// The call with this number, if it waits for replies.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<Inbox>> {
        let places = self.lock();
        let (index, round) = place_of(number)?;
        let place = places.places.get(index)?;
        place.call.clone().filter(|_| place.round == round)
    }

    /// Fails all calls whose request to `node` was put on `stream`, which has broken.
    pub(crate) fn lose(&self, node: NodeId, stream: u64, status: &Status) {
        let calls: Vec<_> = {
            let places = self.lock();
            places
                .places
                .iter()
                .filter_map(|place| place.call.clone())
                .collect()
        };
        for call in calls {
            call.lose(node, stream, status);
        }
    }

    /// How many calls wait for replies.
    pub(crate) fn len(&self) -> usize {
        let places = self.lock();
        places.places.len() - places.free.len()
    }

    /// Notes that a message was received that no call waits for.
    pub(crate) fn ignore(&self) {
        self.0.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// How many messages were received that no call waited for.
    pub(crate) fn ignored(&self) -> u64 {
        self.0.ignored.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place that a number stands for, and how often it was taken before.
fn place_of(number: u64) -> Option<(usize, u64)> {
    let place = number & ((1 << PLACE_BITS) - 1);
    let index = usize::try_from(place).ok()?.checked_sub(1)?;
    Some((index, number >> PLACE_BITS))
}

impl Registration {
    /// The call's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the call is in this table.
    pub(crate) fn is_among(&self, calls: &Calls) -> bool {
        Arc::ptr_eq(&self.calls.0, &calls.0)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some((index, round)) = place_of(self.number) else {
            return;
        };
        let mut places = self.calls.lock();
        let Some(place) = places.places.get_mut(index) else {
            return;
        };
        let inbox = place.call.take();
        // Bits 62 and 63 are those of other numbers.
        place.round = (round + 1) & ((1 << (62 - PLACE_BITS)) - 1);
        places.free.push(index);
        drop(places);
        // Replies that nobody has read are dropped without the lock.
        drop(inbox);
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("waiting", &self.len())
            .field("ignored", &self.ignored())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MethodDescriptor;

    fn inbox() -> Arc<Inbox> {
        static METHOD: MethodDescriptor = MethodDescriptor::new("p.S", "M", "/p.S/M");
        Arc::new(Inbox::new(&METHOD, [NodeId::new(1)]))
    }

    #[test]
    fn the_first_call_has_the_number_1_and_calls_at_once_have_different_ones() {
        let calls = Calls::default();
        let first = calls.register(inbox()).expect("room");
        let second = calls.register(inbox()).expect("room");
        assert_eq!((first.number(), second.number()), (1, 2));
        assert_eq!(calls.len(), 2);
    }

    #[test]
    fn a_call_that_has_ended_leaves_nothing_and_its_number_is_not_used_again() {
        let calls = Calls::default();
        let ended = calls.register(inbox()).expect("room").number();
        assert_eq!(calls.len(), 0);
        assert!(calls.get(ended).is_none());
        let next = calls.register(inbox()).expect("room");
        assert_ne!(next.number(), ended);
        assert!(calls.get(ended).is_none());
        assert!(calls.get(next.number()).is_some());
    }

    #[test]
    fn numbers_that_stand_for_no_call_are_not_found() {
        let calls = Calls::default();
        let call = calls.register(inbox()).expect("room");
        for number in [0, 2, 1 << PLACE_BITS, u64::MAX, call.number() | 1 << 63] {
            assert!(calls.get(number).is_none(), "{number:#x}");
        }
        assert_ne!(calls.one_way(), calls.one_way());
        assert!(calls.get(calls.one_way()).is_none());
    }
}
