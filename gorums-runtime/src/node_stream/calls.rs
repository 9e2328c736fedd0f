//! The calls that wait for replies.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tonic::Status;

use super::arrival::Arrival;
use super::inbox::{Delivery, Inbox};
use super::places::Places;
use crate::call::{MethodDescriptor, ReplyLimit};
use crate::node_info::Observations;
use crate::wire::{CallNumber, Requests, StreamMessage, StreamNumber, StreamNumbers};

/// The number of bits of a call's number that give its place in the table. The others count how often the place was
/// used, so that a late reply is never mistaken for another call's.
const PLACE_BITS: u32 = 24;

/// The most places that keep their calls' memory for later calls.
const KEPT: usize = 1024;

/// The calls of one manager that wait for replies. A call has one number on the streams to all nodes.
///
/// A call is in the table from its registration until its release. Replies find it without a lock that all calls share.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<CallTable>);

#[derive(Default)]
struct CallTable {
    places: Places<CallPlace>,
    /// The free places. The one that was freed last is used next, because its memory is in the processor's caches.
    free: Mutex<Vec<usize>>,
    /// The limit on the replies that a call holds of each node.
    limit: ReplyLimit,
    /// The streams that the calls travel on.
    streams: StreamNumbers,
    /// How many one-way calls were made.
    one_way: AtomicU64,
    ignored: AtomicU64,
}

/// A place for one call after the other. It shares no cache line with other places.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CallPlace(Mutex<Taken>);

#[derive(Debug)]
struct Taken {
    /// How often the place was used.
    round: u64,
    inbox: Inbox,
}

/// A call's place in the table.
#[derive(Debug)]
#[must_use = "a call that is not released keeps its place"]
pub(crate) struct Registration(CallNumber);

/// The inbox of a call, locked.
pub(crate) struct Opened<'a>(MutexGuard<'a, Taken>);

impl Calls {
    /// An empty table, whose calls hold no more of a node's replies than `limit`.
    pub(crate) fn new(limit: ReplyLimit) -> Self {
        Self(Arc::new(CallTable {
            limit,
            ..CallTable::default()
        }))
    }

    /// Registers a call of `method` to `nodes` nodes: gives it a number and an inbox.
    pub(crate) fn register(
        &self,
        method: &'static MethodDescriptor,
        nodes: usize,
        sent: Instant,
    ) -> Result<Registration, Status> {
        let free = self.free().pop();
        let index = match free {
            Some(index) => index,
            None => self.0.places.grow(most()).ok_or_else(Self::full)?,
        };
        let mut place = self.place(index).ok_or_else(Self::full)?;
        place.inbox.begin(method, nodes, sent);
        // Place 0 is not used: the first call gets the number 1, and none gets 0.
        let number = CallNumber::received(place.round << PLACE_BITS | (index as u64 + 1));
        number.map(Registration).ok_or_else(Self::full)
    }

    /// Removes a call from the table.
    pub(crate) fn release(&self, Registration(number): Registration) {
        let Some((index, round)) = place_of(number) else {
            return;
        };
        let Some(mut place) = self.place(index) else {
            return;
        };
        let reader = place.inbox.end(index < KEPT);
        // Bits 62 and 63 mark other kinds of numbers.
        place.round = (round + 1) & ((1 << (62 - PLACE_BITS)) - 1);
        drop(place);
        self.free().push(index);
        drop(reader);
    }

    /// The status of a call for which the table has no place.
    pub(crate) fn full() -> Status {
        Status::resource_exhausted(format!(
            "{} calls of this manager wait for replies; let some of them end first",
            most()
        ))
    }

    /// A number for a one-way call.
    pub(crate) fn one_way(&self) -> CallNumber {
        CallNumber::one_way(self.0.one_way.fetch_add(1, Ordering::Relaxed))
    }

    /// How many one-way calls were made. Their indices are below that.
    pub(crate) fn one_way_calls(&self) -> u64 {
        self.0.one_way.load(Ordering::Relaxed)
    }

    /// The streams that the calls travel on.
    pub(crate) fn streams(&self) -> &StreamNumbers {
        &self.0.streams
    }

    /// The inbox of a call with this number, if it waits for replies.
    pub(crate) fn open(&self, number: CallNumber) -> Option<Opened<'_>> {
        let (index, round) = place_of(number)?;
        let place = self.place(index)?;
        (place.round == round && place.inbox.is_used()).then_some(Opened(place))
    }

    /// Delivers a node's reply to its call. Records the latency in `observations`.
    pub(crate) fn deliver<'a>(
        &self,
        message: StreamMessage<'a>,
        arrival: &Arrival,
        observations: &Observations,
    ) -> Delivery<'a> {
        let number = CallNumber::received(message.number());
        let Some(mut inbox) = number.and_then(|number| self.open(number)) else {
            return Delivery::Ignored(message);
        };
        let (delivery, reader) = inbox.deliver(message, arrival, &self.0.limit, observations);
        // A reader that is woken while the lock is held would have to wait for it.
        drop(inbox);
        if let Some(reader) = reader {
            reader.wake();
        }
        delivery
    }

    /// Fails all calls that have a request on `stream`, which has broken.
    pub(crate) fn lose(&self, stream: StreamNumber, status: &Status) {
        for place in self.0.places.iter() {
            let reader = place.lock().inbox.lose(stream, status);
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }

    /// How many calls wait for replies.
    pub(crate) fn len(&self) -> usize {
        self.0.places.len().saturating_sub(self.free().len())
    }

    /// Counts a message that no call waits for.
    pub(crate) fn ignore(&self) {
        self.0.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// How many messages no call waited for.
    pub(crate) fn ignored(&self) -> u64 {
        self.0.ignored.load(Ordering::Relaxed)
    }

    /// Whether both are handles to one table.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn free(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, index: usize) -> Option<MutexGuard<'_, Taken>> {
        self.0.places.get(index).map(CallPlace::lock)
    }
}

impl Requests for Calls {
    fn note_sent(&self, number: CallNumber, index: usize, stream: StreamNumber) {
        if let Some(mut inbox) = self.open(number) {
            inbox.sent(index, stream);
        }
    }

    fn share(&self) -> Arc<dyn Requests> {
        Arc::new(self.clone())
    }
}

impl CallPlace {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most calls in the table.
fn most() -> usize {
    (1 << PLACE_BITS) - 1
}

/// The place of a call, and how often that was used before.
fn place_of(number: CallNumber) -> Option<(usize, u64)> {
    let number = number.get();
    let place = number & ((1 << PLACE_BITS) - 1);
    let index = usize::try_from(place).ok()?.checked_sub(1)?;
    Some((index, number >> PLACE_BITS))
}

impl Registration {
    /// The call's number.
    pub(crate) fn number(&self) -> CallNumber {
        self.0
    }
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            round: 0,
            inbox: Inbox::unused(),
        }
    }
}

impl Deref for Opened<'_> {
    type Target = Inbox;

    fn deref(&self) -> &Inbox {
        &self.0.inbox
    }
}

impl DerefMut for Opened<'_> {
    fn deref_mut(&mut self) -> &mut Inbox {
        &mut self.0.inbox
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

    fn register(calls: &Calls) -> Registration {
        static METHOD: MethodDescriptor = MethodDescriptor::new("/p.S/M");
        let registered = calls.register(&METHOD, 1, Instant::now());
        registered.expect("there is room")
    }

    #[test]
    fn the_first_call_has_the_number_1_and_calls_at_once_have_different_ones() {
        let calls = Calls::default();
        let (first, second) = (register(&calls), register(&calls));
        assert_eq!([first.number().get(), second.number().get()], [1, 2]);
        assert_eq!(calls.len(), 2);
    }

    #[test]
    fn a_call_that_has_ended_leaves_nothing_and_its_number_is_not_used_again() {
        let calls = Calls::default();
        let call = register(&calls);
        let ended = call.number();
        calls.release(call);
        assert_eq!(calls.len(), 0);
        assert!(calls.open(ended).is_none());
        let next = register(&calls);
        assert_ne!(next.number(), ended);
        assert!(calls.open(ended).is_none());
        assert!(calls.open(next.number()).is_some());
    }

    #[test]
    fn numbers_that_stand_for_no_call_are_not_found() {
        let calls = Calls::default();
        let call = register(&calls);
        for number in [2, 1 << PLACE_BITS, u64::MAX, call.number().get() | 1 << 63] {
            let number = CallNumber::received(number).expect("it is not 0");
            assert!(calls.open(number).is_none(), "{number:?}");
        }
        assert_ne!(calls.one_way(), calls.one_way());
        assert!(calls.open(calls.one_way()).is_none());
    }

    #[test]
    fn many_calls_at_once_are_found_by_their_numbers() {
        let calls = Calls::default();
        let many: Vec<_> = (0..3 * KEPT).map(|_| register(&calls)).collect();
        assert_eq!(calls.len(), many.len());
        for call in &many {
            assert!(calls.open(call.number()).is_some());
        }
        many.into_iter().for_each(|call| calls.release(call));
        assert_eq!(calls.len(), 0);
    }
}
