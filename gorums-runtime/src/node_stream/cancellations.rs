//! Cancellations to send to a node.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::{CallNumber, StreamNumber};

/// The most cancellations that wait for the node's answer to the opening of a stream.
const MOST: usize = 16_384;

/// Which cancellations a node gets. It announces whether it supports them when a stream is opened.
#[derive(Debug)]
pub(crate) struct Cancellations(Mutex<Understanding>);

#[derive(Debug)]
enum Understanding {
    /// The node has not answered yet. These calls will be cancelled then.
    Silent(Vec<CallNumber>),
    /// It supports them on this stream.
    Understands(StreamNumber),
    DoesNot,
}

impl Cancellations {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Understanding::Silent(Vec::new())))
    }

    /// The stream on which to cancel a call now, if there is one. If the node has not answered yet, remembers the call.
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

    /// Notes whether the node supports cancellations on `stream`. Returns the calls to cancel now.
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

    /// Notes that the stream has ended, and its calls with it. Another node may answer the next one.
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
