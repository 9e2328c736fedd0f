//! Which sets of positions are quorums.

use crate::NodeSet;

/// Which sets of positions are quorums: a tree of thresholds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// At least `least` of these nodes.
    Nodes { least: usize, of: NodeSet },
    /// Nodes that weigh at least `least` together.
    Weights { least: u128, of: Box<[Weight]> },
    /// At least `least` of these rules.
    Rules { least: usize, of: Box<[Rule]> },
}

/// A node and its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Weight {
    pub(crate) position: usize,
    pub(crate) weight: u64,
}

/// Some of the nodes: those in a set, or those that are not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Selection<'a> {
    In(&'a NodeSet),
    NotIn(&'a NodeSet),
}

impl Selection<'_> {
    fn contains(self, position: usize) -> bool {
        match self {
            Self::In(set) => set.contains(position),
            Self::NotIn(set) => !set.contains(position),
        }
    }

    fn count(self, of: &NodeSet) -> usize {
        match self {
            Self::In(set) => of.common(set),
            Self::NotIn(set) => of.len() - of.common(set),
        }
    }
}

impl Rule {
    /// One node.
    pub(crate) fn node(position: usize) -> Self {
        Self::Nodes {
            least: 1,
            of: NodeSet::from_iter([position]),
        }
    }

    /// All of the rules, or at least one, or any number in between. Rules that say the same are written in one way.
    ///
    /// `least` is at least 1 and at most the number of rules. Of equal rules, each counts.
    pub(crate) fn choose(least: usize, of: Vec<Self>) -> Self {
        if least == of.len() || least == 1 {
            return Self::all_or_any(least == 1, of);
        }
        let nodes: Option<NodeSet> = of.iter().map(Self::as_node).collect();
        match nodes {
            Some(nodes) if nodes.len() == of.len() => Self::Nodes { least, of: nodes },
            _ => Self::Rules {
                least,
                of: of.into(),
            },
        }
    }

    /// One of the rules if `any`, otherwise all. Equal rules become one, and a nested rule of the same kind becomes its parts.
    fn all_or_any(any: bool, of: Vec<Self>) -> Self {
        let mut distinct: Vec<Self> = Vec::with_capacity(of.len());
        let mut nodes = NodeSet::new();
        for rule in of {
            for rule in rule.parts(any) {
                match rule.as_node() {
                    Some(node) if !nodes.insert(node) => {}
                    Some(_) => distinct.push(rule),
                    None if distinct.contains(&rule) => {}
                    None => distinct.push(rule),
                }
            }
        }
        let least = if any { 1 } else { distinct.len() };
        match distinct.pop() {
            Some(only) if distinct.is_empty() => only,
            Some(_) if nodes.len() == distinct.len() + 1 => Self::Nodes { least, of: nodes },
            Some(last) => {
                distinct.push(last);
                Self::Rules {
                    least,
                    of: distinct.into(),
                }
            }
            None => Self::Nodes { least, of: nodes },
        }
    }

    /// The rules of which this one needs one if `any`, otherwise all.
    fn parts(self, any: bool) -> Vec<Self> {
        match self {
            Self::Nodes { least, of } if least == if any { 1 } else { of.len() } => {
                of.iter().map(Self::node).collect()
            }
            Self::Rules { least, of } if least == if any { 1 } else { of.len() } => of.into_vec(),
            other => vec![other],
        }
    }

    /// The position, if the rule is about one node.
    pub(crate) fn as_node(&self) -> Option<usize> {
        match self {
            Self::Nodes { least: 1, of } if of.len() == 1 => of.iter().next(),
            _ => None,
        }
    }

    /// Whether the selected nodes include a quorum.
    pub(crate) fn holds(&self, selection: Selection<'_>) -> bool {
        match self {
            Self::Nodes { least, of } => selection.count(of) >= *least,
            Self::Weights { least, of } => {
                let there = of.iter().filter(|node| selection.contains(node.position));
                there.map(|node| u128::from(node.weight)).sum::<u128>() >= *least
            }
            Self::Rules { least, of } => {
                let holding = of.iter().filter(|rule| rule.holds(selection));
                holding.take(*least).count() == *least
            }
        }
    }

    /// The rule whose quorums are the sets that meet each quorum of this one.
    pub(crate) fn dual(&self) -> Self {
        match self {
            Self::Nodes { least, of } => Self::Nodes {
                least: of.len() + 1 - least,
                of: of.clone(),
            },
            Self::Weights { least, of } => {
                let total: u128 = of.iter().map(|node| u128::from(node.weight)).sum();
                Self::Weights {
                    least: total + 1 - least,
                    of: of.clone(),
                }
            }
            Self::Rules { least, of } => Self::Rules {
                least: of.len() + 1 - least,
                of: of.iter().map(Self::dual).collect(),
            },
        }
    }

    /// The same rule of nodes whose positions are others: `to` has the new one of each.
    pub(crate) fn moved(&self, to: &[usize]) -> Self {
        match self {
            Self::Nodes { least, of } => Self::Nodes {
                least: *least,
                of: of.iter().map(|position| to[position]).collect(),
            },
            Self::Weights { least, of } => {
                let moved = |node: &Weight| Weight {
                    position: to[node.position],
                    ..*node
                };
                Self::Weights {
                    least: *least,
                    of: of.iter().map(moved).collect(),
                }
            }
            Self::Rules { least, of } => Self::Rules {
                least: *least,
                of: of.iter().map(|rule| rule.moved(to)).collect(),
            },
        }
    }

    /// Calls `leaf` with each part that is about nodes.
    pub(crate) fn each_leaf(&self, leaf: &mut impl FnMut(&Self)) {
        match self {
            Self::Rules { of, .. } => of.iter().for_each(|rule| rule.each_leaf(leaf)),
            _ => leaf(self),
        }
    }

    /// Whether each quorum is one of `other`, as far as the shape of the rules shows. `false` may also mean that it does
    /// not.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        match (self, other) {
            (
                Self::Nodes { least, of },
                Self::Nodes {
                    least: other,
                    of: among,
                },
            ) => least.saturating_sub(of.len() - of.common(among)) >= *other,
            (
                Self::Weights { least, of },
                Self::Weights {
                    least: other,
                    of: among,
                },
            ) => of == among && least >= other,
            (_, Self::Rules { least, of }) if *least == of.len() => {
                of.iter().all(|other| self.implies(other))
            }
            (Self::Rules { least: 1, of }, _) => of.iter().all(|rule| rule.implies(other)),
            (Self::Rules { least, of }, _)
                if *least == of.len() && of.iter().any(|rule| rule.implies(other)) =>
            {
                true
            }
            (_, Self::Rules { least: 1, of }) if of.iter().any(|other| self.implies(other)) => true,
            (
                Self::Rules { least, of },
                Self::Rules {
                    least: other,
                    of: among,
                },
            ) => {
                let pairs = of.iter().zip(among);
                least >= other
                    && of.len() == among.len()
                    && pairs.into_iter().all(|(one, other)| one.implies(other))
            }
            _ => false,
        }
    }
}
