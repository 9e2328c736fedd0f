//! The interface of all quorum systems.

use std::sync::Arc;

use crate::{NodeSet, Universe, Verdict};

/// A rule that says which sets of nodes are quorums.
///
/// It has to be monotone: a set that includes a quorum is a quorum. [`Quorums`](crate::Quorums) has the usual systems and
/// what can be combined from them; implement the trait for a rule that cannot.
///
/// ```
/// use gorums_quorum::{NodeSet, QuorumSystem, Universe, Verdict};
///
/// /// A quorum has the leader and one other node.
/// struct LeaderAndOne { universe: Universe<u32>, leader: u32 }
///
/// impl QuorumSystem for LeaderAndOne {
///     type Node = u32;
///
///     fn universe(&self) -> &Universe<u32> {
///         &self.universe
///     }
///
///     fn is_quorum(&self, nodes: &NodeSet) -> bool {
///         let leader = self.universe.position(&self.leader);
///         leader.is_some_and(|leader| nodes.contains(leader)) && nodes.len() >= 2
///     }
/// }
///
/// let system = LeaderAndOne { universe: [1, 2, 3].into_iter().collect(), leader: 1 };
/// let set = |nodes: &[u32]| system.universe().set(nodes);
/// assert_eq!(system.verdict(&set(&[1]), &set(&[2])), Verdict::Possible);
/// assert_eq!(system.verdict(&set(&[1, 3]), &set(&[2])), Verdict::Formed);
/// assert_eq!(system.verdict(&set(&[2, 3]), &set(&[1])), Verdict::Impossible);
/// ```
pub trait QuorumSystem {
    /// What identifies a node.
    type Node: Ord;

    /// The nodes that count.
    fn universe(&self) -> &Universe<Self::Node>;

    /// Whether `nodes` include a quorum.
    fn is_quorum(&self, nodes: &NodeSet) -> bool;

    /// Whether there is a quorum without any of the nodes in `no`.
    fn is_quorum_without(&self, no: &NodeSet) -> bool {
        let mut rest = self.universe().all();
        rest.subtract(no);
        self.is_quorum(&rest)
    }

    /// What is known once the nodes in `yes` have said yes, and those in `no` can no longer say it.
    fn verdict(&self, yes: &NodeSet, no: &NodeSet) -> Verdict {
        if self.is_quorum(yes) {
            Verdict::Formed
        } else if self.is_quorum_without(no) {
            Verdict::Possible
        } else {
            Verdict::Impossible
        }
    }
}

macro_rules! forward {
    ($($of:ty),*) => {$(
        impl<S: QuorumSystem + ?Sized> QuorumSystem for $of {
            type Node = S::Node;

            fn universe(&self) -> &Universe<Self::Node> {
                (**self).universe()
            }

            fn is_quorum(&self, nodes: &NodeSet) -> bool {
                (**self).is_quorum(nodes)
            }

            fn is_quorum_without(&self, no: &NodeSet) -> bool {
                (**self).is_quorum_without(no)
            }

            fn verdict(&self, yes: &NodeSet, no: &NodeSet) -> Verdict {
                (**self).verdict(yes, no)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
