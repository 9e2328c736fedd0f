//! A replica: what it knows about each instance.

use std::collections::HashMap;
use std::sync::Arc;

use gorums_runtime::NodeId;

use crate::attributes::Attributes;
use crate::ballot::Ballot;
use crate::command::{Command, Commands};
use crate::conflicts::Conflicts;
use crate::flaw::Flaw;
use crate::instance::InstanceId;
use crate::proposal::Proposal;
use crate::record::{Record, Status, Value, Vote, Write};

/// What a replica knows about each instance: the paper's `cmds`. It takes steps; it does no I/O.
///
/// A step that changes a record returns it as a [`Write`]. What the step returns besides, a reply or a message, may
/// leave the replica only when this write, and all of earlier steps, are durable. A crash may undo all others.
///
/// The steps are in one file for each phase: `pre_accept`, `accept`, `commit` and `prepare`.
#[derive(Debug)]
pub struct Replica {
    id: NodeId,
    records: HashMap<InstanceId, Record>,
    conflicts: Conflicts,
    /// The highest instance of its own.
    latest: u64,
    pub(crate) flaw: Option<Flaw>,
}

/// Why a replica does not take part in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has joined a higher ballot, or has voted in a later phase of this one.
    #[error("the replica has joined ballot {0}")]
    Joined(Ballot),
    /// It knows the outcome.
    #[error("the instance is committed")]
    Committed,
}

impl Replica {
    /// The replica `id` with the records that are durable.
    pub fn new(id: NodeId, records: impl IntoIterator<Item = Write>, flaw: Option<Flaw>) -> Self {
        let mut replica = Self {
            id,
            records: HashMap::new(),
            conflicts: Conflicts::default(),
            latest: 0,
            flaw,
        };
        for (instance, record) in records {
            replica.store(instance, record);
        }
        replica
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What it knows about an instance; `None` if it has not heard of it.
    pub fn record(&self, instance: InstanceId) -> Option<&Record> {
        self.records.get(&instance)
    }

    /// The instances that it has heard of, in no order.
    pub fn instances(&self) -> impl Iterator<Item = (InstanceId, &Record)> {
        self.records
            .iter()
            .map(|(instance, record)| (*instance, record))
    }

    /// What was chosen for an instance, if the replica knows.
    pub fn committed(&self, instance: InstanceId) -> Option<&Value> {
        let vote = self.records.get(&instance)?.vote.as_ref()?;
        (vote.status == Status::Committed).then_some(&vote.value)
    }

    /// Phase 1 at the leader: gives `commands` the next of its instances, and votes for them. Because the vote is
    /// durable before the PreAccepts leave, no other commands ever get the same instance.
    pub fn propose(&mut self, commands: Vec<Command>) -> (Proposal, Option<Write>) {
        let instance = InstanceId {
            replica: self.id,
            number: self.latest + 1,
        };
        let value = self.constrained(Arc::from(commands), Attributes::default());
        let ballot = Ballot::default_of(instance);
        let status = Status::PreAccepted { unchanged: true };
        let write = self.vote(instance, ballot, status, value.clone());
        let pre_accept = Proposal {
            instance,
            ballot,
            value,
        };
        (pre_accept, write)
    }

    /// `commands` with the `attributes`, and all that the known instances add.
    pub(crate) fn constrained(&self, commands: Commands, mut attributes: Attributes) -> Value {
        self.conflicts.constrain(&commands, &mut attributes);
        Value {
            commands,
            attributes,
        }
    }

    /// Votes for `value`, or notes that it was chosen.
    pub(crate) fn vote(
        &mut self,
        instance: InstanceId,
        ballot: Ballot,
        status: Status,
        value: Value,
    ) -> Option<Write> {
        let vote = Vote {
            vbal: ballot,
            status,
            value,
        };
        let record = Record {
            bal: ballot,
            vote: Some(vote),
        };
        let write = self.store(instance, record);
        (self.flaw != Some(Flaw::VotesVolatile)).then_some(write)
    }

    pub(crate) fn store(&mut self, instance: InstanceId, record: Record) -> Write {
        if let Some(vote) = &record.vote {
            self.conflicts.note(instance, &vote.value);
        }
        if instance.replica == self.id {
            self.latest = self.latest.max(instance.number);
        }
        self.records.insert(instance, record.clone());
        (instance, record)
    }

    /// The record of an instance, if the replica may vote in `ballot`.
    pub(crate) fn may_vote(&self, instance: InstanceId, ballot: Ballot) -> Result<Record, Refusal> {
        let record = self.records.get(&instance).cloned();
        let record = record.unwrap_or_else(|| Record::unseen(instance));
        let joined = Refusal::Joined(record.bal);
        match &record.vote {
            Some(vote) if vote.status == Status::Committed => Err(Refusal::Committed),
            _ if self.flaw == Some(Flaw::BallotsUnchecked) => Ok(record),
            _ if ballot < record.bal => Err(joined),
            _ => Ok(record),
        }
    }
}
