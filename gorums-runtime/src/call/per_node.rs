//! Requests that differ from node to node.

use crate::identity::NodeId;

/// Up to this number of nodes, a call keeps its per-node state in place, without allocating.
pub(crate) const USUAL_NODES: usize = 9;

/// Makes each node's own request, or `None` to skip the node.
pub(crate) type PerNode<Request> = Box<dyn FnMut(&Request, NodeId) -> Option<Request> + Send>;
