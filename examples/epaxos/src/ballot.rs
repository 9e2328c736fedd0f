//! Ballots.

use std::fmt;

use gorums_runtime::NodeId;

use crate::instance::InstanceId;

/// A ballot, in which one replica leads an instance. They are ordered by their numbers, then by the replicas.
///
/// The paper's ballots have an epoch as well; the members here never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot {
    /// 0 in the default ballot of an instance, more in those of its recoveries.
    pub number: u64,
    /// Who leads.
    pub replica: NodeId,
}

impl Ballot {
    /// The ballot in which the owner of an instance leads it without having to ask: `0.L`.
    pub fn default_of(instance: InstanceId) -> Self {
        Self {
            number: 0,
            replica: instance.replica,
        }
    }

    /// Whether it is the default ballot of its instance.
    pub fn is_default(self) -> bool {
        self.number == 0
    }

    /// The lowest ballot of `replica` whose number is higher.
    pub fn next_of(self, replica: NodeId) -> Self {
        Self {
            number: self.number.saturating_add(1),
            replica,
        }
    }
}

/// `3.2`: number 3, replica 2.
impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.replica)
    }
}
