//! What a replica knows about an instance.

use crate::attributes::Attributes;
use crate::ballot::Ballot;
use crate::command::Commands;
use crate::instance::InstanceId;

/// What is agreed upon for an instance: commands with their attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// `γ`.
    pub commands: Commands,
    /// `seq` and `deps`.
    pub attributes: Attributes,
}

impl Value {
    /// What becomes of an instance that nobody has seen. It interferes with nothing.
    pub fn no_op() -> Self {
        Self {
            commands: Commands::from([]),
            attributes: Attributes::default(),
        }
    }
}

/// What a replica knows about an instance, and has promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The ballot that it joined last: it refuses the messages of lower ones.
    pub bal: Ballot,
    /// What it voted for last.
    pub vote: Option<Vote>,
}

impl Record {
    /// What a replica knows about an instance that it has not seen.
    pub fn unseen(instance: InstanceId) -> Self {
        Self {
            bal: Ballot::default_of(instance),
            vote: None,
        }
    }
}

/// A vote for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The ballot of the vote.
    ///
    /// It is not that of the record: to join a ballot is not to vote in it. A recovery that takes an old vote for a
    /// vote in the ballot that its voter joined since can prefer it to one that was chosen in between (Sutra 2020).
    pub vbal: Ballot,
    /// In which phase.
    pub status: Status,
    /// For what.
    pub value: Value,
}

/// How far a value has come at a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// In phase 1.
    PreAccepted {
        /// Whether the value's attributes are those that the leader proposed: the replica had none to add.
        unchanged: bool,
    },
    /// In phase 2.
    Accepted,
    /// The value is the one that was chosen.
    Committed,
}

/// A record that has to be durable before what depends on it leaves the replica.
pub type Write = (InstanceId, Record);
