//! Whether quorums meet.

use std::fmt;

use crate::rule::{Rule, Selection};
use crate::{Disjoint, NodeSet, QuorumError, Quorums, Universe};

/// So many assignments of nodes are looked at.
const STEPS: usize = 2_000_000;

/// Checks that quorums have at least `common` nodes in common, whichever is taken of each of `systems`.
///
/// Of reads and writes it is 1; of Byzantine systems `f + 1` or `2f + 1`; and of Fast Paxos, where two fast quorums have to
/// meet in each classic one:
///
/// ```
/// use gorums_quorum::{Quorums, check_common};
///
/// let (classic, fast) = (Quorums::majority(1..=5), Quorums::fast(3, 1..=5)?);
/// check_common(&[&classic, &fast, &fast], 1)?;
///
/// let slow = Quorums::majority(1..=5);
/// let error = check_common(&[&classic, &slow, &slow], 1).unwrap_err();
/// assert_eq!(error.to_string(), "the quorums {2, 3, 4} and {1, 4, 5} and {1, 2, 3} have no node in common");
/// # Ok::<(), gorums_quorum::QuorumError>(())
/// ```
///
/// Nodes that play the same part are looked at together, so that systems of a thousand nodes are checked if they have few
/// different parts.
///
/// # Errors
///
/// [`QuorumError::Disjoint`] names quorums with fewer nodes in common. [`QuorumError::Undecided`] when there are too many
/// sets to look at.
pub fn check_common<N: Ord + Clone + fmt::Display>(
    systems: &[&Quorums<N>],
    common: usize,
) -> Result<(), QuorumError> {
    let nodes = systems.iter().flat_map(|system| system.nodes());
    let universe: Universe<N> = nodes.cloned().collect();
    let moved = |system: &&Quorums<N>| {
        let to = system.nodes().iter();
        let to: Vec<usize> = to.filter_map(|node| universe.position(node)).collect();
        system.rule().moved(&to)
    };
    let rules: Vec<Rule> = systems.iter().map(moved).collect();
    let Some(budget) = common.checked_sub(1) else {
        return Ok(());
    };
    if let ([one, other], 0) = (&rules[..], budget)
        && (one.implies(&other.dual()) || other.implies(&one.dual()))
    {
        return Ok(());
    }
    let mut search = Search {
        out: vec![NodeSet::new(); rules.len()],
        classes: classes(&rules, universe.len()),
        rules,
        steps: STEPS,
    };
    match search.exclude(0, budget) {
        Err(TooManySteps) => Err(QuorumError::Undecided { steps: STEPS }),
        Ok(false) => Ok(()),
        Ok(true) => Err(QuorumError::Disjoint(search.found(&universe, common))),
    }
}

/// The nodes that play the same part in all rules, so that swapping two of them changes nothing.
fn classes(rules: &[Rule], nodes: usize) -> Vec<Vec<usize>> {
    let mut parts: Vec<(Vec<(usize, u64)>, usize)> =
        (0..nodes).map(|node| (vec![], node)).collect();
    let mut leaves = 0;
    for rule in rules {
        rule.each_leaf(&mut |leaf| {
            match leaf {
                Rule::Nodes { of, .. } => of.iter().for_each(|at| parts[at].0.push((leaves, 0))),
                Rule::Weights { of, .. } => {
                    of.iter()
                        .for_each(|node| parts[node.position].0.push((leaves, node.weight)));
                }
                Rule::Rules { .. } => {}
            }
            leaves += 1;
        });
    }
    parts.sort();
    let same = |a: &(Vec<_>, usize), b: &(Vec<_>, usize)| a.0 == b.0;
    let classes = parts.chunk_by(same);
    classes
        .map(|class| class.iter().map(|(_, node)| *node).collect())
        .collect()
}

struct TooManySteps;

/// A search for quorums with few nodes in common: each other node is left out of one of them.
struct Search {
    rules: Vec<Rule>,
    classes: Vec<Vec<usize>>,
    /// The nodes that are left out of the quorum of each rule.
    out: Vec<NodeSet>,
    steps: usize,
}

impl Search {
    /// Whether there are quorums in which at most `budget` nodes of the classes from `class` on are common. They are then
    /// what is not in `out`.
    fn exclude(&mut self, class: usize, budget: usize) -> Result<bool, TooManySteps> {
        let Some(nodes) = self.classes.get(class) else {
            return Ok(true);
        };
        let nodes = nodes.clone();
        // A node that is common is of use to all quorums.
        for common in (0..=budget.min(nodes.len())).rev() {
            if self.split(class, 0, &nodes[common..], budget - common)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Leaves each of `nodes`, which are of `class`, out of one of the quorums from `rule` on.
    fn split(
        &mut self,
        class: usize,
        rule: usize,
        nodes: &[usize],
        budget: usize,
    ) -> Result<bool, TooManySteps> {
        let is_last = rule + 1 == self.rules.len();
        let fewest = if is_last { nodes.len() } else { 0 };
        for count in fewest..=nodes.len() {
            self.steps = self.steps.checked_sub(1).ok_or(TooManySteps)?;
            let before = self.out[rule].clone();
            self.out[rule].extend(nodes[..count].iter().copied());
            if !self.rules[rule].holds(Selection::NotIn(&self.out[rule])) {
                // Neither does it with more nodes left out.
                self.out[rule] = before;
                return Ok(false);
            }
            let found = match is_last {
                true => self.exclude(class + 1, budget)?,
                false => self.split(class, rule + 1, &nodes[count..], budget)?,
            };
            if found {
                return Ok(true);
            }
            self.out[rule] = before;
        }
        Ok(false)
    }

    /// The quorums that were found, without nodes that they do not need.
    fn found<N: Ord + fmt::Display>(&self, universe: &Universe<N>, required: usize) -> Disjoint {
        let mut common = universe.all();
        let mut quorums = Vec::new();
        for (rule, out) in self.rules.iter().zip(&self.out) {
            let mut quorum = universe.all();
            quorum.subtract(out);
            for node in (0..universe.len()).rev() {
                if quorum.remove(node) && !rule.holds(Selection::In(&quorum)) {
                    quorum.insert(node);
                }
            }
            let mut others = common.clone();
            others.subtract(&quorum);
            common.subtract(&others);
            quorums.push(universe.nodes(&quorum).map(N::to_string).collect());
        }
        Disjoint {
            quorums,
            common: common.len(),
            required,
        }
    }
}
