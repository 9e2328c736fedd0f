use std::collections::{BTreeMap, BTreeSet};

/// The sets of nodes that reach each other over `edges`. Those of a single node are left out.
pub(super) fn cycles<'a>(
    edges: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<BTreeSet<&'a str>> {
    let mut successors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in edges {
        successors.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = successors
        .keys()
        .map(|node| (*node, reach(node, &successors)))
        .collect();
    let mut cycles = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (node, reach) in &reached {
        if !reach.contains(node) || seen.contains(node) {
            continue;
        }
        let cycle: BTreeSet<&str> = reach
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(node)))
            .collect();
        seen.extend(&cycle);
        if cycle.len() > 1 {
            cycles.push(cycle);
        }
    }
    cycles
}

/// What is reached from `start` in one step or more.
fn reach<'a>(
    start: &'a str,
    successors: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![start];
    while let Some(node) = next.pop() {
        for to in successors.get(node).into_iter().flatten() {
            if reached.insert(*to) {
                next.push(to);
            }
        }
    }
    reached
}

#[test]
fn a_cycle_has_the_nodes_that_reach_each_other_and_no_others() {
    let edges = [
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
        ("c", "d"),
        ("d", "e"),
        ("x", "a"),
    ];
    assert_eq!(cycles(edges.into_iter()), [BTreeSet::from(["a", "b", "c"])]);
}

#[test]
fn what_uses_itself_is_no_cycle() {
    assert!(cycles([("a", "a"), ("a", "b")].into_iter()).is_empty());
}
