//! Phase 2, Paxos-Accept: a majority accepts commands with their final attributes (figure 2 of the paper).

use crate::proposal::Proposal;
use crate::record::{Status, Write};
use crate::replica::{Refusal, Replica};

impl Replica {
    /// Votes for the value of an Accept. It is chosen once a majority has done so in one ballot.
    ///
    /// # Errors
    ///
    /// If the replica does not take part.
    pub fn on_accept(&mut self, message: Proposal) -> Result<Option<Write>, Refusal> {
        let Proposal {
            instance,
            ballot,
            value,
        } = message;
        self.may_vote(instance, ballot)?;
        Ok(self.vote(instance, ballot, Status::Accepted, value))
    }
}
