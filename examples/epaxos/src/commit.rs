//! Commit: the replicas learn what was chosen (figure 2 of the paper).

use crate::flaw::Flaw;
use crate::instance::InstanceId;
use crate::record::{Record, Status, Value, Vote, Write};
use crate::replica::{Refusal, Replica};

/// Tells what was chosen for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The instance.
    pub instance: InstanceId,
    /// The commands, with their final attributes.
    pub value: Value,
}

impl Replica {
    /// Learns what was chosen. Returns nothing if that is known. If the write is lost, the replica learns it again.
    pub fn on_commit(&mut self, message: Commit) -> Option<Write> {
        let Commit { instance, value } = message;
        if self.committed(instance).is_some() {
            return None;
        }
        let record = self.record(instance).cloned();
        let bal = record.unwrap_or_else(|| Record::unseen(instance)).bal;
        self.vote(instance, bal, Status::Committed, value)
    }

    /// Commits the value that this replica proposed, after a fast quorum has pre-accepted it.
    ///
    /// It does so only while it is in the default ballot: a recovery that asked it before has decided that there was
    /// no fast path. For the same reason the write has to be durable before anybody learns of the commit, also the
    /// replica's own execution.
    ///
    /// # Errors
    ///
    /// If the replica has joined another ballot.
    pub fn commit_fast(
        &mut self,
        instance: InstanceId,
    ) -> Result<(Commit, Option<Write>), Refusal> {
        let unseen = Record::unseen(instance);
        let record = self.record(instance).unwrap_or(&unseen);
        let led = record.bal.is_default() || self.flaw == Some(Flaw::FastUnchecked);
        match &record.vote {
            Some(Vote {
                status: Status::PreAccepted { .. },
                value,
                ..
            }) if led => {
                let (bal, value) = (record.bal, value.clone());
                let write = self.vote(instance, bal, Status::Committed, value.clone());
                let write = match self.flaw {
                    Some(Flaw::FastVolatile) => None,
                    _ => write,
                };
                Ok((Commit { instance, value }, write))
            }
            _ => Err(Refusal::Joined(record.bal)),
        }
    }
}
