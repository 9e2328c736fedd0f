//! Instances.

use std::fmt;

use gorums_runtime::NodeId;

/// An instance `L.i`: the place number `i`, from 1 on, of those that the replica `L` owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    /// Its owner: the command leader, unless it fails.
    pub replica: NodeId,
    /// Its number among the owner's.
    pub number: u64,
}

/// `2.7`: the seventh instance of replica 2.
impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.replica, self.number)
    }
}
