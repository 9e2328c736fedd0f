//! The requests of a stream that wait for their turn.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::metrics::WaitTimer;
use crate::server::handler::{PeerBacklog, StreamLimits};
use crate::wire::{MetadataEntry, Payload};

/// How much capacity, in requests, an empty backlog keeps.
const KEPT: usize = 1024;

/// A request without its payload.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) callee: Callee,
    pub(super) entries: Vec<MetadataEntry>,
}

/// The method that a request calls.
#[derive(Debug)]
pub(super) enum Callee {
    /// The method at this index.
    Method(usize),
    /// An unknown method, by its name.
    Unknown(Box<[u8]>),
}

/// A request that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) payload: Bytes,
    pub(super) timer: WaitTimer,
}

/// Requests that wait for their turn.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Those of all streams of the peer.
    peer_backlog: PeerBacklog,
    /// How many requests have left at the front since the last purge.
    taken: usize,
    /// The withdrawn numbers, each with the position that the next request had at the time. Earlier requests with that
    /// number are dropped when their turn comes. Searching for them at once would cost the server more than a
    /// withdrawal costs its client, which may withdraw numbers that no request has.
    withdrawn: HashMap<u64, usize>,
}

impl Waiting {
    /// Creates a request to keep. Copies its payload, which lies in a large buffer that would otherwise stay alive.
    pub(super) fn new(request: Request, payload: Payload<'_>, timer: WaitTimer) -> Self {
        Self {
            request,
            payload: Bytes::copy_from_slice(payload.bytes()),
            timer,
        }
    }

    /// How many bytes of memory the request takes.
    fn size(&self) -> usize {
        let name = match &self.request.callee {
            Callee::Method(_) => 0,
            Callee::Unknown(name) => name.len(),
        };
        let entries = &self.request.entries;
        let texts = entries.iter().map(|it| it.key.len() + it.value.len());
        let entries = entries.capacity() * size_of::<MetadataEntry>() + texts.sum::<usize>();
        size_of::<Self>() + name + self.payload.len() + entries
    }
}

impl Backlog {
    /// Creates the backlog of a stream, whose requests count among those of its peer.
    pub(super) fn new(peer_backlog: PeerBacklog) -> Self {
        let mut backlog = Self::default();
        backlog.peer_backlog = peer_backlog;
        backlog
    }

    /// Whether the backlog holds no request, including withdrawn ones.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many requests wait, including withdrawn ones.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether one more request may wait. Drops withdrawn requests if that is needed.
    pub(super) fn make_room(&mut self, limits: &StreamLimits) -> bool {
        if self.has_room(limits) {
            return true;
        }
        // A purge visits all requests, so it must be likely to drop many.
        if 2 * self.withdrawn.len() >= self.waiting.len() {
            self.purge();
        }
        self.has_room(limits)
    }

    fn has_room(&self, limits: &StreamLimits) -> bool {
        // A stream on which nothing waits goes on, whatever waits on the peer's other streams. The others need not be
        // told when there is room: they look again when a handler of theirs has ended.
        let peer_has_room = || self.peer_backlog.bytes() < limits.peer_backlog_bytes;
        self.waiting.len() < limits.backlog
            && self.bytes < limits.backlog_bytes
            && (self.waiting.is_empty() || peer_has_room())
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.count(waiting.size());
        self.waiting.push_back(waiting);
    }

    /// Removes the next request that was not withdrawn.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        while let Some(waiting) = self.waiting.pop_front() {
            let position = self.taken;
            self.taken += 1;
            self.uncount(waiting.size());
            let withdrawn = self.is_withdrawn(&waiting, position);
            if self.waiting.is_empty() {
                self.withdrawn.clear();
                self.taken = 0;
                self.waiting.shrink_to(KEPT);
                self.withdrawn.shrink_to(KEPT);
            }
            if !withdrawn {
                return Some(waiting);
            }
        }
        None
    }

    /// Withdraws all waiting requests with this number.
    pub(super) fn withdraw(&mut self, number: u64) {
        if self.waiting.is_empty() {
            return;
        }
        let next = self.taken + self.waiting.len();
        self.withdrawn.insert(number, next);
        // Bounds the memory of numbers that no request has.
        if self.withdrawn.len() > self.waiting.len() {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let mut kept = VecDeque::with_capacity(waiting.len());
        for (position, waiting) in (self.taken..).zip(waiting) {
            match self.is_withdrawn(&waiting, position) {
                true => self.uncount(waiting.size()),
                false => kept.push_back(waiting),
            }
        }
        self.waiting = kept;
        self.taken = 0;
        self.withdrawn.clear();
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.peer_backlog.add(bytes);
    }

    fn uncount(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.peer_backlog.subtract(bytes);
    }

    fn is_withdrawn(&self, waiting: &Waiting, position: usize) -> bool {
        if self.withdrawn.is_empty() {
            return false;
        }
        let number = &waiting.request.number;
        self.withdrawn
            .get(number)
            .is_some_and(|&next| position < next)
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.peer_backlog.subtract(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn request(number: u64) -> Waiting {
        let request = Request {
            number,
            callee: Callee::Method(0),
            entries: Vec::new(),
        };
        let payload = Bytes::from_static(b"payload");
        Waiting::new(request, Payload::whole(&payload), WaitTimer::default())
    }

    fn backlog(numbers: impl IntoIterator<Item = u64>) -> Backlog {
        let mut backlog = Backlog::default();
        for number in numbers {
            backlog.push(request(number));
        }
        backlog
    }

    /// Removes all requests and returns their numbers.
    fn numbers(backlog: &mut Backlog) -> Vec<u64> {
        let next = || backlog.pop().map(|waiting| waiting.request.number);
        let numbers = std::iter::from_fn(next).collect();
        assert_eq!((backlog.bytes, backlog.withdrawn.len()), (0, 0));
        numbers
    }

    #[test]
    fn a_withdrawal_drops_all_earlier_requests_of_its_number_and_no_later_one() {
        let mut backlog = backlog([1, 2, 1, 3, 2, 1]);
        assert_eq!(backlog.pop().map(|waiting| waiting.request.number), Some(1));
        backlog.withdraw(1);
        backlog.withdraw(4);
        for number in [4, 1] {
            backlog.push(request(number));
        }
        assert_eq!(numbers(&mut backlog), [2, 3, 2, 4, 1]);
    }

    #[test]
    fn requests_that_were_withdrawn_make_room() {
        let limits = StreamLimits::new().backlog(10, usize::MAX);
        let mut backlog = backlog(0..10);
        assert!(!backlog.make_room(&limits));
        for number in (0..10).step_by(2) {
            backlog.withdraw(number);
        }
        assert!(backlog.make_room(&limits));
        assert_eq!(numbers(&mut backlog), [1, 3, 5, 7, 9]);
    }

    #[test]
    fn what_waits_on_all_streams_of_a_peer_is_bounded_and_each_stream_may_have_one_request() {
        let size = request(0).size();
        let limits = StreamLimits::new().peer_backlog_bytes(3 * size);
        let peer_backlog = PeerBacklog::default();
        let [mut first, mut second] = [(); 2].map(|()| Backlog::new(peer_backlog.clone()));
        for number in 0..3 {
            assert!(first.make_room(&limits));
            first.push(request(number));
        }
        assert!(!first.make_room(&limits));
        assert!(second.make_room(&limits));
        second.push(request(0));
        assert!(!second.make_room(&limits));
        first.withdraw(1);
        assert_eq!(numbers(&mut first), [0, 2]);
        assert!(second.make_room(&limits));
        drop(second);
        assert_eq!(peer_backlog.bytes(), 0);
    }

    #[test]
    fn withdrawals_of_unknown_numbers_leave_no_more_than_there_are_requests() {
        let mut backlog = backlog(0..10);
        for number in 100..1000 {
            backlog.withdraw(number);
            assert!(backlog.withdrawn.len() <= 10);
        }
        assert_eq!(numbers(&mut backlog), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn many_withdrawals_of_unknown_numbers_beside_a_full_backlog_are_soon_read() {
        let mut backlog = backlog(0..16_000);
        let begin = Instant::now();
        for number in 0..300_000 {
            backlog.withdraw(1 << 32 | number);
        }
        // Searching the backlog for each would take far longer.
        assert!(begin.elapsed() < Duration::from_secs(15));
        assert_eq!(numbers(&mut backlog).len(), 16_000);
    }

    #[test]
    fn memory_for_many_requests_is_not_kept_once_they_are_handled() {
        let mut backlog = backlog(0..10_000);
        for number in 20_000..30_000 {
            backlog.withdraw(number);
        }
        assert_eq!(numbers(&mut backlog).len(), 10_000);
        assert!(backlog.waiting.capacity() < 2 * KEPT);
        assert!(backlog.withdrawn.capacity() < 4 * KEPT);
    }

    #[test]
    fn a_request_that_waits_does_not_keep_the_buffer_that_it_came_in() {
        let buffer = Bytes::from(vec![7; 64 * 1024]);
        let request = request(1).request;
        let payload = buffer.slice(100..130);
        let waiting = Waiting::new(request, Payload::whole(&payload), WaitTimer::default());
        drop(payload);
        assert!(buffer.is_unique());
        assert_eq!(waiting.payload, [7; 30][..]);
        assert_eq!(waiting.size(), size_of::<Waiting>() + 30);
    }
}
