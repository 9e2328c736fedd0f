//! Quorum systems that are built from thresholds.

use std::fmt;
use std::ops::{BitAnd, BitOr};
use std::sync::Arc;

use crate::rule::{Rule, Selection};
use crate::{NodeSet, QuorumError, QuorumSystem, Universe};

/// A quorum system that is built from thresholds: of nodes, of their weights, and of other systems.
///
/// A cheap immutable value. It can be printed and parsed again, and knows its [dual](Self::dual).
///
/// ```
/// use gorums_quorum::Quorums;
///
/// let majority = Quorums::majority([1, 2, 3]);
/// assert_eq!(majority.to_string(), "choose(2, [1, 2, 3])");
///
/// // Two of three racks, and of each of them all nodes.
/// let racks = Quorums::choose(2, [
///     Quorums::all(["a", "b"]),
///     Quorums::all(["c", "d"]),
///     Quorums::all(["e", "f"]),
/// ])?;
/// assert_eq!(racks.to_string(), "choose(2, [a & b, c & d, e & f])");
/// assert_eq!(racks.dual().to_string(), "choose(2, [a | b, c | d, e | f])");
///
/// let parsed: Quorums<String> = "a & b | c".parse()?;
/// let built = Quorums::node("a") & Quorums::node("b") | Quorums::node("c");
/// assert_eq!(parsed.to_string(), built.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(PartialEq, Eq, Hash)]
pub struct Quorums<N> {
    universe: Universe<N>,
    rule: Arc<Rule>,
}

impl<N: Ord + Clone> Quorums<N> {
    pub(crate) fn new(universe: Universe<N>, rule: Rule) -> Self {
        Self {
            universe,
            rule: Arc::new(rule),
        }
    }

    /// One node.
    pub fn node(node: N) -> Self {
        Self::new(Universe::from_iter([node]), Rule::node(0))
    }

    /// All of `nodes`. A node that is given twice is one node; without nodes, no quorum can form.
    pub fn all(nodes: impl IntoIterator<Item = N>) -> Self {
        Self::counted(nodes, |nodes| nodes)
    }

    /// Any one of `nodes`. Without nodes, no quorum can form.
    pub fn any(nodes: impl IntoIterator<Item = N>) -> Self {
        Self::counted(nodes, |_| 1)
    }

    /// More than half of `nodes`, so that any two quorums have a node in common. A node that is given twice is one node;
    /// without nodes, no quorum can form.
    pub fn majority(nodes: impl IntoIterator<Item = N>) -> Self {
        Self::counted(nodes, |nodes| nodes / 2 + 1)
    }

    /// At least `least` of `nodes`.
    ///
    /// # Errors
    ///
    /// When `least` is 0 or more than there are nodes. A node that is given twice is one node.
    pub fn at_least(least: usize, nodes: impl IntoIterator<Item = N>) -> Result<Self, QuorumError> {
        let universe: Universe<N> = nodes.into_iter().collect();
        check(least, "nodes", universe.len())?;
        let of = universe.all();
        Ok(Self::new(universe, Rule::Nodes { least, of }))
    }

    /// As many of `nodes` as `least` says, given their number.
    pub(crate) fn counted(
        nodes: impl IntoIterator<Item = N>,
        least: impl FnOnce(usize) -> usize,
    ) -> Self {
        let universe: Universe<N> = nodes.into_iter().collect();
        let of = universe.all();
        let least = least(of.len()).max(1);
        Self::new(universe, Rule::Nodes { least, of })
    }

    /// A quorum in each of at least `least` of `systems`.
    ///
    /// # Errors
    ///
    /// When `least` is 0 or more than there are systems, or the same node is given twice as a system of its own.
    pub fn choose(
        least: usize,
        systems: impl IntoIterator<Item = Self>,
    ) -> Result<Self, QuorumError>
    where
        N: fmt::Display,
    {
        let systems: Vec<Self> = systems.into_iter().collect();
        check(least, "systems", systems.len())?;
        if least > 1 && least < systems.len() {
            let mut single: Vec<&N> = systems.iter().filter_map(Self::as_node).collect();
            single.sort_unstable();
            if let Some(twice) = single.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(QuorumError::Twice {
                    node: twice[0].to_string(),
                });
            }
        }
        Ok(Self::combined(least, systems))
    }

    /// A quorum in each of at least `least` of `systems`, of which there are as many.
    pub(crate) fn combined(least: usize, systems: Vec<Self>) -> Self {
        let nodes = systems.iter().flat_map(|system| system.universe.iter());
        let universe: Universe<N> = nodes.cloned().collect();
        let moved = |system: Self| {
            let to = system.universe.iter();
            let to: Vec<usize> = to.filter_map(|node| universe.position(node)).collect();
            system.rule.moved(&to)
        };
        let rules = systems.into_iter().map(moved).collect();
        let rule = Rule::choose(least, rules);
        Self::new(universe, rule)
    }

    /// A quorum in each of the systems. The majorities of an old and a new set of members, for example, while the one
    /// replaces the other (joint consensus; Ongaro 2014, section 4.3).
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// let joint = Quorums::majority([1, 2, 3]).and(Quorums::majority([3, 4, 5]));
    /// assert_eq!(joint.to_string(), "choose(2, [1, 2, 3]) & choose(2, [3, 4, 5])");
    /// ```
    pub fn and(self, other: Self) -> Self {
        Self::combined(2, vec![self, other])
    }

    /// A quorum in one of the systems.
    pub fn or(self, other: Self) -> Self {
        Self::combined(1, vec![self, other])
    }

    /// The system whose quorums are the sets of nodes that meet each quorum of this one: the largest choice of write
    /// quorums for these read quorums. The dual of the dual is the system itself.
    pub fn dual(&self) -> Self {
        Self::new(self.universe.clone(), self.rule.dual())
    }

    /// Whether `nodes` include a quorum. Nodes that are not in the universe do not count, and each counts once.
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// let majority = Quorums::majority([1, 2, 3]);
    /// assert!(majority.is_quorum_of(&[1, 3]));
    /// assert!(!majority.is_quorum_of(&[1, 1, 4]));
    /// ```
    pub fn is_quorum_of<'a>(&self, nodes: impl IntoIterator<Item = &'a N>) -> bool
    where
        N: 'a,
    {
        self.is_quorum(&self.universe.set(nodes))
    }

    /// The same system of nodes with other names.
    ///
    /// # Errors
    ///
    /// When two nodes get the same name.
    pub fn renamed<M: Ord + Clone + fmt::Display>(
        &self,
        name: impl FnMut(&N) -> M,
    ) -> Result<Quorums<M>, QuorumError> {
        let names: Vec<M> = self.universe.iter().map(name).collect();
        let universe: Universe<M> = names.iter().cloned().collect();
        if universe.len() < names.len() {
            let mut names = names;
            names.sort_unstable();
            let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
            let node = twice.map(|pair| pair[0].to_string()).unwrap_or_default();
            return Err(QuorumError::Twice { node });
        }
        let to = names.iter();
        let to: Vec<usize> = to.filter_map(|name| universe.position(name)).collect();
        Ok(Quorums::new(universe, self.rule.moved(&to)))
    }

    fn as_node(&self) -> Option<&N> {
        let position = self.rule.as_node()?;
        self.universe.get(position)
    }
}

impl<N> Quorums<N> {
    /// The nodes, in ascending order.
    pub fn nodes(&self) -> &[N] {
        &self.universe
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// Checks that at least `least` of `there` can be there.
pub(crate) fn check(least: usize, of: &'static str, there: usize) -> Result<(), QuorumError> {
    match least {
        0 => Err(QuorumError::Zero { of }),
        least if least > there => Err(QuorumError::TooMany {
            least: least as u128,
            of,
            there: there as u128,
        }),
        _ => Ok(()),
    }
}

impl<N: Ord> QuorumSystem for Quorums<N> {
    type Node = N;

    fn universe(&self) -> &Universe<N> {
        &self.universe
    }

    fn is_quorum(&self, nodes: &NodeSet) -> bool {
        self.rule.holds(Selection::In(nodes))
    }

    fn is_quorum_without(&self, no: &NodeSet) -> bool {
        self.rule.holds(Selection::NotIn(no))
    }
}

/// A quorum in each of the systems; see [`Quorums::and`].
impl<N: Ord + Clone> BitAnd for Quorums<N> {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

/// A quorum in one of the systems; see [`Quorums::or`].
impl<N: Ord + Clone> BitOr for Quorums<N> {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl<N> Clone for Quorums<N> {
    fn clone(&self) -> Self {
        Self {
            universe: self.universe.clone(),
            rule: Arc::clone(&self.rule),
        }
    }
}

impl<N: fmt::Display> fmt::Debug for Quorums<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quorums({self})")
    }
}
