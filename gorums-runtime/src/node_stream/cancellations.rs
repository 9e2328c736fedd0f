//! Which calls a node is told that nobody waits for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::{CallNumber, StreamNumber};

/// How many calls are remembered until it is known whether the node understands. It takes in more on a stream only once
/// it has told that.
const MOST: usize = 16_384;

/// The calls that a node is told that nobody waits for, if it understands that: it says so when a stream is opened.
#[derive(Debug)]
pub(crate) struct Cancellations(Mutex<Understanding>);

#[derive(Debug)]
enum Understanding {
    /// The node has not said anything yet. It is to be told of these calls.
    Silent(Vec<CallNumber>),
    /// It does on this stream.
    Understands(StreamNumber),
    DoesNot,
}

impl Cancellations {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Understanding::Silent(Vec::new())))
    }

    /// The stream on which the node is to be told now that nobody waits for a call. If it may have to be later, that is
    /// noted.
    pub(crate) fn are_told(&self, number: CallNumber) -> Option<StreamNumber> {
        match &mut *self.lock() {
            Understanding::Silent(numbers) => {
                if numbers.len() < MOST {
                    numbers.push(number);
                }
                None
            }
            Understanding::Understands(stream) => Some(*stream),
            Understanding::DoesNot => None,
        }
    }

    /// Notes whether the node understands on `stream`. Returns the calls that it is to be told of now.
    pub(crate) fn open(&self, stream: StreamNumber, understands: bool) -> Vec<CallNumber> {
        let now = match understands {
            true => Understanding::Understands(stream),
            false => Understanding::DoesNot,
        };
        match std::mem::replace(&mut *self.lock(), now) {
            Understanding::Silent(numbers) if understands => numbers,
            _ => Vec::new(),
        }
    }

    /// Notes that the stream is over: its calls are, too, and another node may open the next.
    pub(crate) fn close(&self) {
        *self.lock() = Understanding::Silent(Vec::new());
    }

    fn lock(&self) -> MutexGuard<'_, Understanding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64) -> CallNumber {
        CallNumber::received(number).expect("it is not 0")
    }

    #[test]
    fn a_node_is_told_of_the_calls_of_its_stream_once_it_understands() {
        let cancellations = Cancellations::new();
        assert_eq!(cancellations.are_told(call(1)), None);
        let stream = StreamNumber::FIRST;
        assert_eq!(cancellations.open(stream, true), [call(1)]);
        assert_eq!(cancellations.are_told(call(2)), Some(stream));
        cancellations.close();
        assert_eq!(cancellations.are_told(call(3)), None);
        assert_eq!(cancellations.open(stream.next(), true), [call(3)]);
    }

    #[test]
    fn a_node_that_does_not_understand_is_told_nothing() {
        let cancellations = Cancellations::new();
        assert_eq!(cancellations.are_told(call(1)), None);
        assert!(cancellations.open(StreamNumber::FIRST, false).is_empty());
        assert_eq!(cancellations.are_told(call(2)), None);
    }

    #[test]
    fn a_node_that_never_answers_leaves_no_more_than_so_many() {
        let cancellations = Cancellations::new();
        for number in 1..=2 * MOST as u64 {
            assert_eq!(cancellations.are_told(call(number)), None);
        }
        assert_eq!(cancellations.open(StreamNumber::FIRST, true).len(), MOST);
    }
}
