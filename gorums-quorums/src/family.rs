//! The quorums of one kind.

use std::fmt::Display;

use gorums_quorum::{NodeSet, QuorumSystem, Quorums, Universe};

use crate::sets::{Sets, enumerate};

/// The quorums of one kind, over the nodes of both kinds.
#[derive(Clone, Debug)]
pub(crate) struct Family<N: Display> {
    rule: Quorums<N>,
    /// The rule's position of each node; nothing if it is the same.
    own: Option<Vec<Option<usize>>>,
    /// The quorums that include no smaller one.
    pub(crate) minimal: Sets,
}

impl<N: Ord + Clone + Display> Family<N> {
    /// Enumerates the quorums, of which it takes at most `limit`.
    pub(crate) fn new(rule: &Quorums<N>, universe: &Universe<N>, limit: usize) -> Self {
        let own = (**rule.universe() != **universe).then(|| {
            let nodes = universe.iter();
            nodes.map(|node| rule.universe().position(node)).collect()
        });
        Self {
            rule: rule.clone(),
            own,
            minimal: enumerate(rule, universe, limit),
        }
    }

    /// Whether the nodes include a quorum.
    pub(crate) fn is_quorum(&self, nodes: &NodeSet) -> bool {
        match &self.own {
            None => self.rule.is_quorum(nodes),
            Some(own) => {
                let own = nodes.iter().filter_map(|at| *own.get(at)?);
                self.rule.is_quorum(&own.collect())
            }
        }
    }

    /// How many nodes the smallest quorum has, or, if that is not certain, one that is small.
    pub(crate) fn smallest(&self) -> usize {
        smallest(&self.rule, &self.minimal)
    }
}

/// The size of a smallest quorum of `rule`, some of which are in `minimal`.
pub(crate) fn smallest<N: Ord>(rule: &Quorums<N>, minimal: &Sets) -> usize {
    let picked = rule.pick(|_| Some(0)).map(|quorum| quorum.len());
    let sizes = minimal.sets.iter().map(NodeSet::len);
    sizes.chain(picked).min().unwrap_or_default()
}
