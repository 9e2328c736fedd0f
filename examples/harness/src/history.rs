//! Histories of the operations of clients.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records operations of clients as they are invoked and return. Clones share one history.
///
/// The time is the number of invocations and returns recorded so far, not that of a clock. So the history of a simulation
/// depends on its seed alone.
#[derive(Debug)]
pub struct Recorder<O, R> {
    recording: Arc<Mutex<Recording<O, R>>>,
}

#[derive(Debug)]
struct Recording<O, R> {
    now: u64,
    entries: Vec<Entry<O, R>>,
}

impl<O, R> Recorder<O, R> {
    /// A recorder with an empty history.
    pub fn new() -> Self {
        let recording = Recording {
            now: 0,
            entries: Vec::new(),
        };
        Self {
            recording: Arc::new(Mutex::new(recording)),
        }
    }

    /// Records that `client` invokes `operation` now: call it before the first message is sent.
    ///
    /// A client may have several operations in flight. They are concurrent, as if different clients had invoked them.
    pub fn invoke(&self, client: u64, operation: O) -> Pending<O, R> {
        let mut recording = self.lock();
        let invoked = recording.tick();
        recording.entries.push(Entry {
            client,
            operation,
            invoked,
            returned: None,
        });
        Pending {
            recorder: self.clone(),
            index: recording.entries.len() - 1,
        }
    }

    /// What has been recorded so far. An operation that is in flight counts as lost.
    pub fn history(&self) -> History<O, R>
    where
        O: Clone,
        R: Clone,
    {
        let entries = self.lock().entries.clone();
        History { entries }
    }

    fn lock(&self) -> MutexGuard<'_, Recording<O, R>> {
        // No panic leaves a recording half changed.
        let locked = self.recording.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O, R> Clone for Recorder<O, R> {
    fn clone(&self) -> Self {
        Self {
            recording: Arc::clone(&self.recording),
        }
    }
}

impl<O, R> Default for Recorder<O, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O, R> Recording<O, R> {
    fn tick(&mut self) -> u64 {
        let now = self.now;
        self.now += 1;
        now
    }
}

/// An operation in flight. To drop it is to lose it, so that clients that crash or are cancelled need to do nothing.
#[derive(Debug)]
#[must_use = "an operation that is dropped at once is lost"]
pub struct Pending<O, R> {
    recorder: Recorder<O, R>,
    index: usize,
}

impl<O, R> Pending<O, R> {
    /// Records that the operation returns now: call it after the reply has arrived.
    pub fn returned(self, outcome: R) {
        let mut recording = self.recorder.lock();
        let at = recording.tick();
        recording.entries[self.index].returned = Some(Returned { at, outcome });
    }

    /// Nobody knows whether the operation takes effect: it may at any time after its invocation, or never.
    ///
    /// Losing an operation that certainly had no effect is correct as well, but the checker then finds less.
    pub fn lost(self) {}
}

/// The operations of all clients, in the order of their invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<O, R> {
    entries: Vec<Entry<O, R>>,
}

impl<O, R> History<O, R> {
    /// The operations, in the order of their invocations.
    pub fn entries(&self) -> &[Entry<O, R>] {
        &self.entries
    }
}

/// From operations in the order of their invocations.
impl<O, R> FromIterator<Entry<O, R>> for History<O, R> {
    fn from_iter<I: IntoIterator<Item = Entry<O, R>>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

/// An operation of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<O, R> {
    /// The client that invoked it.
    pub client: u64,
    /// What the client asked for.
    pub operation: O,
    /// When it was invoked. The invocations and returns of a history have different times.
    pub invoked: u64,
    /// When it returned, and with what. `None` if it was lost.
    pub returned: Option<Returned<R>>,
}

/// The return of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned<R> {
    /// When it returned.
    pub at: u64,
    /// What the client was told.
    pub outcome: R,
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn times_are_the_order_of_recording() {
        let recorder = Recorder::new();
        let first = recorder.invoke(1, "first");
        let second = recorder.invoke(2, "second");
        second.returned(20);
        first.returned(10);
        let history = recorder.history();
        let times = history.entries().iter().map(|entry| {
            let returned = entry.returned.as_ref().expect("both returned");
            (
                entry.operation,
                entry.invoked,
                returned.at,
                returned.outcome,
            )
        });
        assert!(times.eq([("first", 0, 3, 10), ("second", 1, 2, 20)]));
    }

    #[test]
    fn operations_that_are_lost_dropped_or_in_flight_have_no_return() {
        let recorder = Recorder::<_, ()>::new();
        recorder.invoke(1, "lost").lost();
        drop(recorder.invoke(1, "dropped"));
        let _in_flight = recorder.invoke(1, "in flight");
        let history = recorder.history();
        assert_eq!(history.entries().len(), 3);
        assert!(
            history
                .entries()
                .iter()
                .all(|entry| entry.returned.is_none())
        );
    }

    #[test]
    fn clones_in_several_threads_record_one_history_with_different_times() {
        let recorder = Recorder::new();
        thread::scope(|scope| {
            for client in 0..4 {
                let recorder = recorder.clone();
                scope.spawn(move || {
                    for number in 0..100 {
                        recorder.invoke(client, number).returned(number);
                    }
                });
            }
        });
        let history = recorder.history();
        let invoked = history.entries().iter().map(|entry| entry.invoked);
        assert!(invoked.clone().is_sorted());
        let returned = history.entries().iter().map(|entry| {
            let returned = entry.returned.as_ref().expect("all returned");
            assert_eq!(entry.operation, returned.outcome);
            assert!(entry.invoked < returned.at);
            returned.at
        });
        let mut times: Vec<_> = invoked.chain(returned).collect();
        times.sort_unstable();
        assert!(times.into_iter().eq(0..800));
    }
}
