//! Decided calls that go on at a node which has not answered yet.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::call::Deadline;
use crate::wire::{CallNumber, HashCallNumber, StreamNumber};

/// The most calls for which memory is kept after the last of them has ended.
const KEPT: usize = 1024;

/// The calls that go on at one node after they were decided.
///
/// Nobody waits for them. They are remembered in order to record the node's latency and failures. At most `limit` of
/// them are unfinished. Beyond that, each new one replaces the oldest.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stragglers {
    limit: usize,
    state: Mutex<StragglerTable>,
    /// How many there are. Most replies only read this.
    count: AtomicUsize,
    /// Notified when there is a deadline before the one that is waited for.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct StragglerTable {
    calls: HashMap<CallNumber, Straggler, HashCallNumber>,
    /// The numbers of the calls, and of some that have ended, in the order of their decisions.
    oldest_first: VecDeque<CallNumber>,
    /// The deadline that a task waits for.
    alarm: Option<Instant>,
}

/// A call that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Straggler {
    pub(crate) number: CallNumber,
    /// The stream that carries its request.
    pub(crate) stream: StreamNumber,
    pub(crate) sent: Instant,
    pub(crate) deadline: Deadline,
    /// Whether the node may send several replies.
    pub(crate) streams_replies: bool,
}

/// What has to be done after a straggler is added.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    /// The call to cancel, if any.
    pub(crate) withdrawn: Option<CallNumber>,
    /// Whether a task has to wait for deadlines from now on.
    pub(crate) wait: bool,
}

impl Stragglers {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            count: AtomicUsize::new(0),
            earlier: Notify::new(),
        }
    }

    /// How many there are.
    #[cfg(feature = "metrics")]
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds a straggler.
    pub(super) fn push(&self, call: Straggler) -> Pushed {
        if self.limit == 0 {
            return Pushed {
                withdrawn: Some(call.number),
                wait: false,
            };
        }
        let mut state = self.lock();
        let mut wait = false;
        if let Some(deadline) = call.deadline.instant() {
            match state.alarm {
                Some(alarm) if alarm <= deadline => {}
                Some(_) => self.earlier.notify_one(),
                None => wait = true,
            }
            if state.alarm.is_none_or(|alarm| deadline < alarm) {
                state.alarm = Some(deadline);
            }
        }
        state.push(call);
        let withdrawn = match state.calls.len() > self.limit {
            true => state.remove_oldest(),
            false => None,
        };
        self.note_count(&state);
        Pushed { withdrawn, wait }
    }

    /// Returns the straggler with this number, which the node has answered. Removes it after its last reply.
    pub(super) fn answered(&self, number: CallNumber, is_last: bool) -> Option<Straggler> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = self.lock();
        if !is_last
            && let Some(call) = state.calls.get(&number)
            && call.streams_replies
        {
            return Some(call.clone());
        }
        let call = state.calls.remove(&number);
        state.tidy();
        self.note_count(&state);
        call
    }

    /// Removes and returns the stragglers on a stream that has ended.
    pub(super) fn lose(&self, stream: StreamNumber) -> Vec<Straggler> {
        self.remove_if(&mut self.lock(), |call| call.stream == stream)
    }

    /// Waits for the next deadline. Removes and returns the stragglers that have passed theirs; `None` if no deadline
    /// is left.
    pub(super) async fn next_late(&self) -> Option<Vec<Straggler>> {
        loop {
            let alarm = self.lock().alarm?;
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(alarm) => {}
                () = self.earlier.notified() => continue,
            }
            let mut state = self.lock();
            let late = self.remove_if(&mut state, |call| call.deadline.has_passed());
            let deadlines = state.calls.values();
            state.alarm = deadlines.filter_map(|call| call.deadline.instant()).min();
            return Some(late);
        }
    }

    fn remove_if(
        &self,
        state: &mut StragglerTable,
        is: impl Fn(&Straggler) -> bool,
    ) -> Vec<Straggler> {
        let StragglerTable {
            calls,
            oldest_first,
            ..
        } = state;
        let is_removed = |number: &&CallNumber| calls.get(number).is_some_and(&is);
        let removed: Vec<CallNumber> = oldest_first.iter().filter(is_removed).copied().collect();
        let removed = removed.iter().filter_map(|number| calls.remove(number));
        let removed = removed.collect();
        state.tidy();
        self.note_count(state);
        removed
    }

    fn note_count(&self, state: &StragglerTable) {
        self.count.store(state.calls.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, StragglerTable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StragglerTable {
    fn push(&mut self, call: Straggler) {
        self.oldest_first.push_back(call.number);
        self.calls.insert(call.number, call);
    }

    fn remove_oldest(&mut self) -> Option<CallNumber> {
        while let Some(number) = self.oldest_first.pop_front() {
            if self.calls.remove(&number).is_some() {
                return Some(number);
            }
        }
        None
    }

    /// Drops the numbers of ended calls once these are the majority, and memory that only many calls need.
    fn tidy(&mut self) {
        if self.calls.is_empty() {
            self.oldest_first.clear();
            self.oldest_first.shrink_to(KEPT);
            self.calls.shrink_to(KEPT);
        } else if self.oldest_first.len() > 2 * self.calls.len() + KEPT {
            let Self {
                calls,
                oldest_first,
                ..
            } = self;
            oldest_first.retain(|number| calls.contains_key(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(number: u64) -> CallNumber {
        CallNumber::received(number).expect("it is not 0")
    }

    fn call(number: u64, timeout: Option<Duration>) -> Straggler {
        Straggler {
            number: id(number),
            stream: match number % 2 {
                1 => StreamNumber::FIRST,
                _ => StreamNumber::FIRST.next(),
            },
            sent: Instant::now(),
            deadline: Deadline::after(timeout),
            streams_replies: false,
        }
    }

    fn numbers(calls: Option<Vec<Straggler>>) -> Option<Vec<u64>> {
        calls.map(|calls| calls.iter().map(|call| call.number.get()).collect())
    }

    #[test]
    fn beyond_the_limit_the_oldest_gives_way() {
        let stragglers = Stragglers::new(2);
        let pushed = [1, 2, 3, 4].map(|number| stragglers.push(call(number, None)).withdrawn);
        assert_eq!(pushed, [None, None, Some(id(1)), Some(id(2))]);
        assert!(stragglers.answered(id(2), true).is_none());
        assert!(stragglers.answered(id(3), true).is_some());
        assert!(stragglers.answered(id(3), true).is_none());
        assert_eq!(
            Stragglers::new(0).push(call(5, None)).withdrawn,
            Some(id(5))
        );
    }

    #[test]
    fn a_call_with_several_replies_goes_on_until_the_last() {
        let stragglers = Stragglers::new(2);
        stragglers.push(Straggler {
            streams_replies: true,
            ..call(1, None)
        });
        for is_last in [false, false, true] {
            assert!(stragglers.answered(id(1), is_last).is_some());
        }
        assert!(stragglers.answered(id(1), true).is_none());
    }

    #[test]
    fn calls_that_have_ended_are_not_kept_in_mind_for_ever() {
        let stragglers = Stragglers::new(10);
        stragglers.push(call(1, None));
        for number in 2..=10 * KEPT as u64 {
            stragglers.push(call(number, None));
            stragglers.answered(id(number), true);
        }
        assert!(stragglers.lock().oldest_first.len() <= 2 * KEPT);
        for number in 2..=10 {
            assert_eq!(stragglers.push(call(number, None)).withdrawn, None);
        }
        assert_eq!(stragglers.push(call(11, None)).withdrawn, Some(id(1)));
    }

    #[test]
    fn replies_that_no_call_waits_for_are_soon_read_beside_many_calls() {
        let stragglers = Stragglers::new(16_000);
        for number in 1..=16_000 {
            stragglers.push(call(number, None));
        }
        let begin = std::time::Instant::now();
        for number in 0..1_000_000 {
            assert!(stragglers.answered(id(1 << 32 | number), true).is_none());
        }
        // A search for each would look at 16 thousand million calls.
        assert!(begin.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn what_was_on_a_stream_that_ended_is_lost_with_it() {
        let stragglers = Stragglers::new(10);
        for number in 1..=4 {
            stragglers.push(call(number, None));
        }
        assert_eq!(
            numbers(Some(stragglers.lose(StreamNumber::FIRST))),
            Some(vec![1, 3])
        );
        assert!(stragglers.answered(id(2), true).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_late_at_their_deadlines_whatever_the_order_in_which_they_came() {
        let stragglers = Stragglers::new(10);
        assert!(!stragglers.push(call(1, None)).wait);
        assert!(stragglers.push(call(2, Some(3 * SECOND))).wait);
        assert!(!stragglers.push(call(3, Some(5 * SECOND))).wait);
        let start = Instant::now();
        let (late, ()) = tokio::join!(stragglers.next_late(), async {
            tokio::time::sleep(SECOND).await;
            assert!(!stragglers.push(call(4, Some(SECOND))).wait);
        });
        assert_eq!(numbers(late), Some(vec![4]));
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert_eq!(numbers(stragglers.next_late().await), Some(vec![2]));
        assert_eq!(numbers(stragglers.next_late().await), Some(vec![3]));
        assert_eq!(start.elapsed(), 5 * SECOND);
        assert_eq!(numbers(stragglers.next_late().await), None);
        assert!(stragglers.push(call(5, Some(SECOND))).wait);
    }
}
