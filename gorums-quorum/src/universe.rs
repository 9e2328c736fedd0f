//! The nodes that a quorum system is made of.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::NodeSet;

/// The nodes that a quorum system is made of, in ascending order and each once. A [`NodeSet`] refers to them by their
/// positions.
///
/// It is cheap to clone.
#[derive(PartialEq, Eq, Hash)]
pub struct Universe<N>(Arc<[N]>);

impl<N: Ord> Universe<N> {
    /// The position of a node.
    pub fn position(&self, node: &N) -> Option<usize> {
        self.0.binary_search(node).ok()
    }

    /// The positions of those of `nodes` that are in the universe.
    pub fn set<'a>(&self, nodes: impl IntoIterator<Item = &'a N>) -> NodeSet
    where
        N: 'a,
    {
        let nodes = nodes.into_iter();
        nodes.filter_map(|node| self.position(node)).collect()
    }
}

impl<N> Universe<N> {
    /// The nodes at the positions in `set`, in ascending order.
    pub fn nodes<'a>(&'a self, set: &'a NodeSet) -> impl Iterator<Item = &'a N> {
        set.iter().filter_map(|position| self.0.get(position))
    }

    /// The positions of all nodes.
    pub fn all(&self) -> NodeSet {
        NodeSet::first(self.0.len())
    }

    /// Whether both are the same value. It is then not necessary to compare their nodes.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<N: Ord> FromIterator<N> for Universe<N> {
    fn from_iter<I: IntoIterator<Item = N>>(nodes: I) -> Self {
        let mut nodes: Vec<N> = nodes.into_iter().collect();
        nodes.sort_unstable();
        nodes.dedup();
        Self(nodes.into())
    }
}

impl<N> Deref for Universe<N> {
    type Target = [N];

    fn deref(&self) -> &[N] {
        &self.0
    }
}

impl<N> Clone for Universe<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<N: fmt::Debug> fmt::Debug for Universe<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter()).finish()
    }
}
