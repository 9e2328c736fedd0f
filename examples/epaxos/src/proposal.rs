//! Proposals.

use crate::ballot::Ballot;
use crate::instance::InstanceId;
use crate::record::Value;

/// The message PreAccept or Accept: asks the replicas to vote for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The instance.
    pub instance: InstanceId,
    /// The ballot of the replica that leads it.
    pub ballot: Ballot,
    /// The commands. In a PreAccept with the attributes that the leader knows to be needed, in an Accept with the
    /// final ones.
    pub value: Value,
}
