//! Who may answer for a node.

use http::HeaderMap;
use tonic::Status;

use super::id::NodeId;
use super::introduction::{Introduction, check_node_id};

/// Who may answer the calls on one node.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    /// The node's id, if another node at its address is to be refused.
    pub(crate) node_id: Option<NodeId>,
    /// The client's own introduction, if it is a member of a system: nodes of other clusters are refused.
    pub(crate) introduction: Option<Introduction>,
}

impl Answerer {
    /// Checks that the node that answered with these headers is the right one. A node that does not introduce itself
    /// passes.
    ///
    /// # Errors
    ///
    /// If it is another node, or belongs to another cluster.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Status> {
        if let Some(introduction) = &self.introduction {
            introduction.check_cluster(headers)?;
        }
        match self.node_id {
            Some(expected) => check_node_id(expected, headers),
            None => Ok(()),
        }
    }
}
