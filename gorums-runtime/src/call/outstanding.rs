//! The nodes that have not replied.

use crate::identity::NodeId;

/// The nodes that have not replied to a call.
#[derive(Clone, Copy, Debug)]
pub struct Outstanding<'a> {
    nodes: usize,
    lost: &'a [NodeId],
}

impl<'a> Outstanding<'a> {
    pub(crate) fn new(nodes: usize, lost: &'a [NodeId]) -> Self {
        Self { nodes, lost }
    }

    /// How many nodes may still reply. If nodes stream their replies, some of these may have replied already.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The nodes that will send no reply any more: they have failed or are skipped, or their stream of replies has
    /// ended. The last ones may have replied.
    pub fn lost(&self) -> &'a [NodeId] {
        self.lost
    }
}
