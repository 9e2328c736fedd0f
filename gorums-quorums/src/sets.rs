//! Enumerated sets of nodes.

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::Arc;

use gorums_quorum::{NodeSet, QuorumSystem, Quorums, Universe};

/// Enumerated sets of nodes.
#[derive(Clone, Debug)]
pub(crate) struct Sets {
    pub(crate) sets: Arc<[NodeSet]>,
    /// Whether these are all.
    pub(crate) is_complete: bool,
}

/// So much may one enumeration take, as tests of a node or an operator. It is about a second.
const WORK: usize = 300_000_000;

/// So many nodes may all sets have together, which bounds the linear program.
const MEMBERS: usize = 2_000_000;

/// Enumerates the quorums of `rule` by their positions in `universe`.
pub(crate) fn enumerate<N: Ord + Clone + Display>(
    rule: &Quorums<N>,
    universe: &Universe<N>,
    limit: usize,
) -> Sets {
    let nodes = rule.universe().len().max(1);
    // Each node of a set is left out once, to see whether it is needed.
    let work = nodes.saturating_mul(rule.to_string().len().max(1));
    let limit = limit.min(WORK / work).min(MEMBERS / nodes).max(1);
    let mut minimal = rule.minimal(limit);
    if !minimal.is_complete
        && let Some(quorums) = subsets(rule, limit)
    {
        minimal.quorums = quorums;
        minimal.is_complete = true;
    }
    if !minimal.is_complete {
        add_balanced(rule, &mut minimal.quorums, limit);
    }
    let moved = |set: &NodeSet| universe.set(rule.universe().nodes(set));
    Sets {
        sets: minimal.quorums.iter().map(moved).collect(),
        is_complete: minimal.is_complete,
    }
}

/// The smallest quorums, by looking at all sets of nodes. Nothing if these are too many, or more than `limit` are quorums.
///
/// If nodes are needed in several places, few quorums may be found in very many ways.
fn subsets<N: Ord + Display>(rule: &Quorums<N>, limit: usize) -> Option<Vec<NodeSet>> {
    let nodes = rule.universe().len();
    let sets = 1_usize.checked_shl(u32::try_from(nodes).ok()?)?;
    let work = sets.checked_mul(rule.to_string().len())?;
    if work > WORK {
        return None;
    }
    let mut found = Vec::new();
    let all = rule.universe().all();
    let end = extend(rule, &mut NodeSet::new(), &all, 0, &mut |quorum| {
        if found.len() == limit {
            return ControlFlow::Break(());
        }
        found.push(quorum.clone());
        ControlFlow::Continue(())
    });
    end.is_continue().then_some(found)
}

/// Visits the smallest quorums that have `set`, and other nodes only of `open` from the position `next` on.
fn extend<N: Ord>(
    rule: &Quorums<N>,
    set: &mut NodeSet,
    open: &NodeSet,
    next: usize,
    visit: &mut impl FnMut(&NodeSet) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if rule.is_quorum(set) {
        return match is_minimal(rule, set) {
            true => visit(set),
            false => ControlFlow::Continue(()),
        };
    }
    if !open.contains(next) || !rule.is_quorum(open) {
        return ControlFlow::Continue(());
    }
    set.insert(next);
    extend(rule, set, open, next + 1, visit)?;
    set.remove(next);
    let mut open = open.clone();
    open.remove(next);
    extend(rule, set, &open, next + 1, visit)
}

fn is_minimal<N: Ord>(rule: &Quorums<N>, quorum: &NodeSet) -> bool {
    quorum.iter().all(|node| {
        let mut rest = quorum.clone();
        rest.remove(node);
        !rule.is_quorum(&rest)
    })
}

/// So many quorums are added for each node.
const ROUNDS: usize = 20;

/// Exchanges the later ones of many quorums for some that have each node about as often. Those that were enumerated first
/// have mostly the same nodes.
fn add_balanced<N: Ord + Clone>(rule: &Quorums<N>, quorums: &mut Vec<NodeSet>, limit: usize) {
    let universe = rule.universe();
    let mut uses = vec![0; universe.len()];
    let mut added = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..universe.len().saturating_mul(ROUNDS).min(limit.div_ceil(2)) {
        let use_of = |node: &N| universe.position(node).map(|at| uses[at]);
        let Some(quorum) = rule.pick(use_of) else {
            return;
        };
        quorum.iter().for_each(|at| uses[at] += 1);
        if seen.insert(quorum.clone()) {
            added.push(quorum);
        }
    }
    quorums.retain(|quorum| !seen.contains(quorum));
    quorums.truncate(limit - added.len());
    quorums.extend(added);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_quorums_are_found_however_often_nodes_are_named() -> Result<(), gorums_quorum::ParseError>
    {
        let some = "choose(3, [a & b | c & d, a & d | b & e, c & e | f & a, e & f | b & c])";
        let often: Vec<String> = (0..4).map(|node| format!("({some} | {node})")).collect();
        let rule: Quorums<String> = often.join(" & ").parse()?;
        let few = rule.minimal(1_000);
        assert!(!few.is_complete);
        let found = enumerate(&rule, rule.universe(), 1_000);
        assert!(found.is_complete);
        let once: HashSet<&NodeSet> = found.sets.iter().collect();
        assert_eq!(once.len(), found.sets.len());
        assert!(found.sets.iter().all(|set| is_minimal(&rule, set)));
        assert!(few.quorums.iter().all(|set| once.contains(set)));
        Ok(())
    }

    #[test]
    fn of_too_many_quorums_some_have_each_node() {
        let majority = Quorums::majority(0..40);
        let sets = enumerate(&majority, majority.universe(), 200);
        assert_eq!((sets.sets.len(), sets.is_complete), (200, false));
        assert!(sets.sets.iter().all(|set| majority.is_quorum(set)));
        let with = |node| sets.sets.iter().filter(|set| set.contains(node)).count();
        // The first ones that are enumerated have node 0.
        assert!(with(0) < 200 && (0..40).all(|node| with(node) > 0));
    }
}
