//! Sets that are quorums even if some of their nodes fail.

use std::ops::ControlFlow;

use gorums_quorum::NodeSet;

/// So often is a set compared with another one.
const STEPS: usize = 20_000_000;

/// The smallest sets of nodes that are still quorums without any `f` of them. At most `limit`; and whether these are all.
///
/// Without the failed nodes, a set is a quorum if it has a node of each blocking set: one that meets all quorums. So it is
/// `f`-resilient if it has `f + 1` nodes of each, and `blocking` has to be complete.
pub(crate) fn resilient(
    blocking: &[NodeSet],
    nodes: usize,
    f: usize,
    limit: usize,
) -> (Vec<NodeSet>, bool) {
    let mut search = Search {
        blocking,
        least: f.saturating_add(1),
        limit,
        left: STEPS,
        found: Vec::new(),
    };
    let end = search.extend(&NodeSet::new(), &NodeSet::first(nodes));
    let mut found = search.found;
    found.sort_by_cached_key(|set| set.iter().collect::<Vec<_>>());
    (found, end.is_continue())
}

struct Search<'a> {
    blocking: &'a [NodeSet],
    /// So many nodes of each blocking set are needed.
    least: usize,
    limit: usize,
    left: usize,
    found: Vec<NodeSet>,
}

impl Search<'_> {
    /// Extends `set` by nodes that are `free`, in all ways that have enough nodes of each blocking set.
    fn extend(&mut self, set: &NodeSet, free: &NodeSet) -> ControlFlow<()> {
        self.left = match self.left.checked_sub(self.blocking.len() + 1) {
            Some(left) => left,
            None => return ControlFlow::Break(()),
        };
        let missing = |blocking: &&NodeSet| set.common(blocking) < self.least;
        let Some(missing) = self.blocking.iter().find(missing) else {
            if self.is_minimal(set) {
                if self.found.len() == self.limit {
                    return ControlFlow::Break(());
                }
                self.found.push(set.clone());
            }
            return ControlFlow::Continue(());
        };
        // What is tried is not free afterwards, so that no set is found twice.
        let mut free = free.clone();
        for node in missing.iter().filter(|&node| !set.contains(node)) {
            if set.common(missing) + free.common(missing) < self.least {
                break;
            }
            if free.remove(node) {
                let mut set = set.clone();
                set.insert(node);
                self.extend(&set, &free)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether each node is needed.
    fn is_minimal(&self, set: &NodeSet) -> bool {
        let mut needed = NodeSet::new();
        for blocking in self.blocking {
            if set.common(blocking) == self.least {
                needed.extend(set.iter().filter(|&node| blocking.contains(node)));
            }
        }
        set.is_subset(&needed)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use gorums_quorum::{QuorumSystem, Quorums};

    use super::*;

    /// A random system over some of `nodes` nodes.
    fn random(random: &mut Rng, nodes: u32, depth: usize) -> Quorums<u32> {
        if depth == 0 || random.f32() < 0.2 {
            return Quorums::node(random.u32(0..nodes));
        }
        let count = random.usize(2..=4);
        let of: Vec<_> = (0..count)
            .map(|_| self::random(random, nodes, depth - 1))
            .collect();
        let both = of.clone().into_iter().reduce(Quorums::or);
        let chosen = Quorums::choose(random.usize(1..=count), of).ok().or(both);
        chosen.unwrap_or_else(|| Quorums::node(0))
    }

    fn survives(system: &Quorums<u32>, set: &NodeSet, f: usize) -> bool {
        if !system.is_quorum(set) {
            return false;
        }
        f == 0
            || set.iter().all(|failed| {
                let mut rest = set.clone();
                rest.remove(failed);
                survives(system, &rest, f - 1)
            })
    }

    #[test]
    fn resilient_sets_are_all_minimal_ones_that_survive() {
        let mut rng = Rng::with_seed(7);
        for round in 0..150 {
            let system = random(&mut rng, 6, 3);
            let (nodes, f) = (system.nodes().len(), round % 3);
            let blocking = system.dual().minimal(10_000);
            let (found, is_complete) = resilient(&blocking.quorums, nodes, f, 10_000);
            assert!(is_complete);
            let surviving: Vec<NodeSet> = (0..1_usize << nodes)
                .map(|bits| (0..nodes).filter(|at| bits >> at & 1 == 1).collect())
                .filter(|set| survives(&system, set, f))
                .collect();
            let is_minimal = |set: &&NodeSet| {
                let mut others = surviving.iter();
                !others.any(|other| other != *set && other.is_subset(set))
            };
            let mut expected: Vec<_> = surviving.iter().filter(is_minimal).cloned().collect();
            expected.sort_by_cached_key(|set| set.iter().collect::<Vec<_>>());
            assert_eq!(found, expected, "{system:?}, f = {f}");
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        let blocking = Quorums::majority(0..12).dual().minimal(10_000).quorums;
        let (found, is_complete) = resilient(&blocking, 12, 1, 20);
        assert_eq!((found.len(), is_complete), (20, false));
    }
}
