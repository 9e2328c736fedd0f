//! Requests that differ from node to node.

use crate::identity::NodeId;

/// For how many nodes a call needs no memory of its own: a call then allocates as often for nine nodes as for three.
pub(crate) const USUAL_NODES: usize = 9;

/// Makes each node's own request, or none to skip the node.
pub(crate) type PerNode<Request> = Box<dyn FnMut(&Request, NodeId) -> Option<Request> + Send>;
