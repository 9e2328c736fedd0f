//! Enumerating quorums.

use std::collections::HashSet;

use crate::rule::{Rule, Weight};
use crate::{NodeSet, QuorumSystem, Quorums};

/// The quorums of a system that include no smaller one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Minimal {
    /// The quorums, those with the first nodes first.
    pub quorums: Vec<NodeSet>,
    /// Whether these are all.
    pub is_complete: bool,
}

impl<N: Ord> Quorums<N> {
    /// Enumerates the quorums that include no smaller one. It ends after `limit` sets, which may be fewer quorums if a
    /// node is needed in several places of the system.
    ///
    /// ```
    /// use gorums_quorum::{QuorumSystem, Quorums};
    ///
    /// let system = Quorums::majority(["a", "b", "c"]);
    /// let minimal = system.minimal(100);
    /// let names = minimal.quorums.iter().map(|quorum| system.universe().nodes(quorum).copied().collect());
    /// assert_eq!(names.collect::<Vec<String>>(), ["ab", "ac", "bc"]);
    /// assert!(minimal.is_complete);
    /// ```
    pub fn minimal(&self, limit: usize) -> Minimal {
        let (mut seen, mut quorums) = (HashSet::new(), Vec::new());
        let mut left = limit;
        let goals = Goals {
            goal: Goal::of(self.rule()),
            rest: None,
        };
        let end = goals.reach(&NodeSet::new(), &mut |set| {
            left = left.checked_sub(1)?;
            if self.is_minimal(set) && seen.insert(set.clone()) {
                quorums.push(set.clone());
            }
            Some(())
        });
        Minimal {
            quorums,
            is_complete: end.is_some(),
        }
    }

    /// Whether the quorum `set` includes no smaller one.
    fn is_minimal(&self, set: &NodeSet) -> bool {
        let mut smaller = set.clone();
        set.iter().all(|node| {
            smaller.remove(node);
            let is_needed = !self.is_quorum(&smaller);
            smaller.insert(node);
            is_needed
        })
    }
}

/// What has to be added to a set to make it a quorum.
#[derive(Clone)]
enum Goal<'a> {
    /// So many of these nodes.
    Nodes(usize, Vec<usize>),
    /// So much of the weight of these nodes.
    Weights(u128, &'a [Weight]),
    /// So many of these rules.
    Rules(usize, &'a [Rule]),
}

impl<'a> Goal<'a> {
    fn of(rule: &'a Rule) -> Self {
        match rule {
            Rule::Nodes { least, of } => {
                let mut nodes: Vec<usize> = of.iter().collect();
                // They are taken from the end.
                nodes.reverse();
                Self::Nodes(*least, nodes)
            }
            Rule::Weights { least, of } => Self::Weights(*least, of),
            Rule::Rules { least, of } => Self::Rules(*least, of),
        }
    }
}

/// Goals that are all to be reached.
struct Goals<'a> {
    goal: Goal<'a>,
    rest: Option<&'a Goals<'a>>,
}

impl Goals<'_> {
    /// Extends `set` in all ways that reach the goals, until `found` returns `None`.
    fn reach(&self, set: &NodeSet, found: &mut impl FnMut(&NodeSet) -> Option<()>) -> Option<()> {
        let rest = self.rest;
        match &self.goal {
            Goal::Nodes(0, _) | Goal::Weights(0, _) | Goal::Rules(0, _) => match rest {
                Some(rest) => rest.reach(set, found),
                None => found(set),
            },
            Goal::Nodes(least, nodes) => {
                if nodes.len() < *least {
                    return Some(());
                }
                let mut others = nodes.clone();
                while let Some(node) = others.pop() {
                    if others.len() + 1 < *least {
                        break;
                    }
                    let goal = Goal::Nodes(least - 1, others.clone());
                    Goals { goal, rest }.reach(&with(set, node), found)?;
                }
                Some(())
            }
            Goal::Weights(least, nodes) => {
                let mut others = *nodes;
                while let [node, next @ ..] = others {
                    let left: u128 = others.iter().map(|node| u128::from(node.weight)).sum();
                    if left < *least {
                        break;
                    }
                    let goal = Goal::Weights(least.saturating_sub(node.weight.into()), next);
                    Goals { goal, rest }.reach(&with(set, node.position), found)?;
                    others = next;
                }
                Some(())
            }
            Goal::Rules(least, rules) => {
                let mut others = *rules;
                while let [rule, next @ ..] = others
                    && others.len() >= *least
                {
                    let later = Goals {
                        goal: Goal::Rules(least - 1, next),
                        rest,
                    };
                    let now = Goals {
                        goal: Goal::of(rule),
                        rest: Some(&later),
                    };
                    now.reach(set, found)?;
                    others = next;
                }
                Some(())
            }
        }
    }
}

fn with(set: &NodeSet, node: usize) -> NodeSet {
    let mut set = set.clone();
    set.insert(node);
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QuorumError;

    #[test]
    fn what_is_cut_says_so() {
        let system = Quorums::majority(0..40);
        let minimal = system.minimal(50);
        assert_eq!((minimal.quorums.len(), minimal.is_complete), (50, false));
    }

    #[test]
    fn large_systems_with_few_quorums_are_enumerated() -> Result<(), QuorumError> {
        let rows = (0..32).map(|row| (0..32).map(move |column| row * 32 + column));
        let minimal = Quorums::row(rows)?.minimal(100);
        assert_eq!((minimal.quorums.len(), minimal.is_complete), (32, true));
        Ok(())
    }
}
