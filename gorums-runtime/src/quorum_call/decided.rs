//! The result of a quorum call.

use crate::identity::NodeId;

/// The result of a quorum call, with the nodes that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decided<T> {
    /// What the quorum function returned.
    pub value: T,
    /// The nodes whose replies the quorum function saw, in order of arrival.
    pub node_ids: Vec<NodeId>,
}
