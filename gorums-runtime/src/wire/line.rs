//! Messages that wait for room in a queue.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::frame::Frame;
use super::owner::{Owner, SharedOwner};

/// The messages for which a queue had no room, first come first served.
///
/// A message waits here, not in its caller's future. The queue takes it as soon as there is room, whether or not the
/// caller polls. A future that is polled once and then held thus blocks nobody.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// In the order of their tickets.
    waiting: VecDeque<Waiting>,
    last_ticket: u64,
}

/// A message in a line.
#[derive(Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
    pub(super) frame: Frame,
    owner: SharedOwner,
    admitted: oneshot::Sender<()>,
}

/// Identifies a message in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The message that has waited longest.
    pub(super) fn first(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// Removes the message that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Adds a message. The returned receiver is ready once the message is admitted.
    pub(super) fn push(
        &mut self,
        frame: Frame,
        owner: Owner<'_>,
    ) -> (Ticket, oneshot::Receiver<()>) {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let (admitted, is_admitted) = oneshot::channel();
        self.waiting.push_back(Waiting {
            ticket,
            frame: frame.set_aside(),
            owner: SharedOwner::of(owner),
            admitted,
        });
        (ticket, is_admitted)
    }

    /// Removes a message, if it still waits.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let index = self
            .waiting
            .binary_search_by_key(&ticket, |waiting| waiting.ticket);
        index.ok().and_then(|index| self.waiting.remove(index))
    }
}

impl Waiting {
    /// Adds the message to the queue with `enqueue`, and notifies its caller.
    pub(super) fn admit(self, enqueue: impl FnOnce(&Frame, Owner<'_>)) {
        enqueue(&self.frame, self.owner.borrow());
        // Fails only if the caller is about to remove it.
        let _ = self.admitted.send(());
    }
}
