//! The released handlers of one stream.

use std::collections::BTreeMap;

use crate::server::handler::Context;

/// The contexts of one stream's released handlers, which run concurrently and can still be cancelled.
#[derive(Default)]
pub(super) struct ReleasedHandlers {
    contexts: BTreeMap<HandlerId, Context>,
    next: u64,
}

/// Identifies a handler of a stream. A call's number is not enough, because the client chooses it and may use it twice
/// at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HandlerId {
    number: u64,
    /// Counts the stream's handlers.
    serial: u64,
}

impl ReleasedHandlers {
    /// Adds the handler of a call with this number.
    pub(super) fn insert(&mut self, number: u64, context: Context) -> HandlerId {
        let id = HandlerId {
            number,
            serial: self.next,
        };
        self.next += 1;
        self.contexts.insert(id, context);
        id
    }

    /// Removes a handler that has ended.
    pub(super) fn remove(&mut self, id: HandlerId) {
        self.contexts.remove(&id);
    }

    /// Cancels the handlers of all calls with this number, and forgets them, so that repeated cancellations cost
    /// nothing.
    pub(super) fn cancel(&mut self, number: u64) {
        let of_number = HandlerId { number, serial: 0 }..=HandlerId {
            number,
            serial: u64::MAX,
        };
        while let Some((&id, _)) = self.contexts.range(of_number.clone()).next()
            && let Some(context) = self.contexts.remove(&id)
        {
            context.abandon();
        }
    }

    /// Cancels all handlers.
    pub(super) fn cancel_all(&mut self) {
        for context in std::mem::take(&mut self.contexts).into_values() {
            context.abandon();
        }
    }
}
