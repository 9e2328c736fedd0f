//! Decided calls that go on at a node which has not answered yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::stream_number::StreamNumber;
use crate::deadline::Deadline;

/// For how many calls the memory is kept when the last of them has ended.
const KEPT: usize = 1024;

/// The calls that go on at one node after they were decided.
///
/// Nobody waits for them. They are remembered so that it shows how the node deals with them: how fast it answers, and how
/// it fails. At most `limit` of them are unfinished: beyond it, each new one takes the place of the oldest.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stragglers {
    limit: usize,
    state: Mutex<State>,
    /// How many there are, for the quick look that most replies get.
    count: AtomicUsize,
    /// Tells that there is an earlier deadline than that which is waited for.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct State {
    oldest_first: VecDeque<Straggler>,
    /// The deadline that is waited for.
    alarm: Option<Instant>,
}

/// A call that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Straggler {
    pub(super) number: u64,
    /// The stream that its request was put on.
    pub(super) stream: StreamNumber,
    pub(super) sent: Instant,
    pub(super) deadline: Deadline,
    /// Whether it is answered with several replies.
    pub(super) streams_replies: bool,
}

/// What follows of one more straggler.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    /// The call that is to be withdrawn.
    pub(super) withdrawn: Option<u64>,
    /// Whether the deadlines must be waited for from now on.
    pub(super) wait: bool,
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

    /// Takes a call in that goes on.
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
        state.oldest_first.push_back(call);
        let withdrawn = match state.oldest_first.len() > self.limit {
            true => state.oldest_first.pop_front().map(|oldest| oldest.number),
            false => None,
        };
        self.note_count(&state);
        Pushed { withdrawn, wait }
    }

    /// The call with this number, which the node has answered. After its last reply it no longer goes on.
    pub(super) fn answered(&self, number: u64, is_last: bool) -> Option<Straggler> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = self.lock();
        // Nodes mostly answer in the order of the calls: it is one of the first.
        let mut calls = state.oldest_first.iter();
        let index = calls.position(|call| call.number == number)?;
        if !is_last && state.oldest_first[index].streams_replies {
            return state.oldest_first.get(index).cloned();
        }
        let call = state.oldest_first.remove(index);
        if state.oldest_first.is_empty() && state.oldest_first.capacity() > KEPT {
            state.oldest_first = VecDeque::new();
        }
        self.note_count(&state);
        call
    }

    /// The calls whose requests were put on a stream that has ended. They no longer go on.
    pub(super) fn lose(&self, stream: StreamNumber) -> Vec<Straggler> {
        self.remove_if(&mut self.lock(), |call| call.stream == stream)
    }

    /// Waits for the next deadline. Returns the calls that have passed theirs, which no longer go on; none if no
    /// deadline is left to wait for.
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
            let deadlines = state.oldest_first.iter();
            state.alarm = deadlines.filter_map(|call| call.deadline.instant()).min();
            return Some(late);
        }
    }

    fn remove_if(&self, state: &mut State, is: impl Fn(&Straggler) -> bool) -> Vec<Straggler> {
        let mut removed = Vec::new();
        state.oldest_first.retain(|call| {
            let is = is(call);
            if is {
                removed.push(call.clone());
            }
            !is
        });
        self.note_count(state);
        removed
    }

    fn note_count(&self, state: &State) {
        self.count
            .store(state.oldest_first.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn call(number: u64, timeout: Option<Duration>) -> Straggler {
        Straggler {
            number,
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
        calls.map(|calls| calls.iter().map(|call| call.number).collect())
    }

    #[test]
    fn beyond_the_limit_the_oldest_gives_way() {
        let stragglers = Stragglers::new(2);
        let pushed = [1, 2, 3, 4].map(|number| stragglers.push(call(number, None)).withdrawn);
        assert_eq!(pushed, [None, None, Some(1), Some(2)]);
        assert!(stragglers.answered(2, true).is_none());
        assert!(stragglers.answered(3, true).is_some());
        assert!(stragglers.answered(3, true).is_none());
        assert_eq!(Stragglers::new(0).push(call(5, None)).withdrawn, Some(5));
    }

    #[test]
    fn a_call_with_several_replies_goes_on_until_the_last() {
        let stragglers = Stragglers::new(2);
        stragglers.push(Straggler {
            streams_replies: true,
            ..call(1, None)
        });
        for is_last in [false, false, true] {
            assert!(stragglers.answered(1, is_last).is_some());
        }
        assert!(stragglers.answered(1, true).is_none());
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
        assert!(stragglers.answered(2, true).is_some());
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
