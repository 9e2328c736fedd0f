//! What a quorum has acknowledged.

use crate::{NodeSet, QuorumSystem};

/// The greatest index that a quorum has acknowledged: what the leader of a replicated log commits by.
///
/// Each node acknowledges all indices up to one. For a majority, the committed index is the median of these, rounded down
/// (Ongaro 2014, section 3.5); the same rule holds for all systems, joint and weighted ones included.
///
/// ```
/// use gorums_quorum::{Acknowledged, Quorums};
///
/// let mut log = Acknowledged::new(Quorums::majority([1, 2, 3]));
/// assert_eq!(log.acknowledge(&1, 7), 0);
/// assert_eq!(log.acknowledge(&2, 5), 5);
/// assert_eq!(log.acknowledge(&3, 6), 6);
/// ```
#[derive(Clone, Debug)]
pub struct Acknowledged<S> {
    system: S,
    /// The index that each node has acknowledged, by its position.
    indices: Box<[u64]>,
    committed: u64,
    /// The nodes that have acknowledged more than what is committed.
    ahead: NodeSet,
    /// The nodes that are ahead, from the greatest index on. Kept for its memory.
    order: Vec<usize>,
}

impl<S: QuorumSystem> Acknowledged<S> {
    /// Nothing is acknowledged yet: all indices are 0.
    pub fn new(system: S) -> Self {
        let nodes = system.universe().len();
        Self {
            system,
            indices: vec![0; nodes].into(),
            committed: 0,
            ahead: NodeSet::with_room_for(nodes),
            order: Vec::with_capacity(nodes),
        }
    }

    /// Notes that `node` has acknowledged all indices up to `index`. Returns the greatest index that a quorum has
    /// acknowledged. A smaller index than before changes nothing, and neither does a node that is not in the universe.
    ///
    /// It looks at a quorum only when the node was not ahead of it before.
    pub fn acknowledge(&mut self, node: &S::Node, index: u64) -> u64 {
        if let Some(position) = self.system.universe().position(node)
            && index > self.indices[position]
        {
            self.indices[position] = index;
            if index > self.committed {
                self.ahead.insert(position);
                if self.system.is_quorum(&self.ahead) {
                    self.commit();
                }
            }
        }
        self.committed
    }

    /// The greatest index that a quorum has acknowledged.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// What `node` has acknowledged. `None` if it is not in the universe.
    pub fn of(&self, node: &S::Node) -> Option<u64> {
        let position = self.system.universe().position(node)?;
        self.indices.get(position).copied()
    }

    /// Replaces the system, when the members change. What its nodes have acknowledged stays, and so does what is committed.
    pub fn with_system<T: QuorumSystem<Node = S::Node>>(self, system: T) -> Acknowledged<T> {
        let mut next = Acknowledged::new(system);
        next.committed = self.committed;
        let of = |node| self.of(node).unwrap_or_default();
        next.indices = next.system.universe().iter().map(of).collect();
        let indices = next.indices.iter().enumerate();
        let ahead = indices.filter(|(_, index)| **index > next.committed);
        next.ahead.extend(ahead.map(|(position, _)| position));
        if next.system.is_quorum(&next.ahead) {
            next.commit();
        }
        next
    }

    /// Commits what the nodes that are ahead, which are a quorum, have acknowledged.
    fn commit(&mut self) {
        self.order.clear();
        self.order.extend(self.ahead.iter());
        let indices = &self.indices;
        self.order
            .sort_unstable_by_key(|&position| std::cmp::Reverse(indices[position]));
        self.ahead.clear();
        for &position in &self.order {
            self.ahead.insert(position);
            if self.system.is_quorum(&self.ahead) {
                self.committed = indices[position];
                break;
            }
        }
        for &position in &self.order {
            if indices[position] <= self.committed {
                self.ahead.remove(position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{QuorumError, Quorums, Share};

    #[test]
    fn the_committed_index_is_an_order_statistic() {
        let mut log = Acknowledged::new(Quorums::majority(1..=5));
        let acknowledged = [
            (1, 9),
            (2, 3),
            (3, 8),
            (4, 2),
            (5, 3),
            (4, 8),
            (2, 1),
            (9, 99),
        ];
        let committed = acknowledged.map(|(node, index)| log.acknowledge(&node, index));
        assert_eq!(committed, [0, 0, 3, 3, 3, 8, 8, 8]);
        assert_eq!((log.of(&2), log.of(&9)), (Some(3), None));
    }

    #[test]
    fn a_joint_systems_index_is_the_least_of_both() {
        let (old, new) = (Quorums::majority(1..=3), Quorums::majority(4..=6));
        let mut log = Acknowledged::new(old & new);
        for (node, index) in [(1, 10), (2, 8), (4, 7), (5, 3)] {
            log.acknowledge(&node, index);
        }
        assert_eq!(log.committed(), 3);
        assert_eq!(log.acknowledge(&6, 9), 7);
    }

    #[test]
    fn a_weighted_systems_index_counts_weight() -> Result<(), QuorumError> {
        let system = Quorums::weights([(1, 3), (2, 1), (3, 1)], Share::more_than(1, 2))?;
        let mut log = Acknowledged::new(system);
        assert_eq!(log.acknowledge(&2, 9), 0);
        assert_eq!(log.acknowledge(&3, 9), 0);
        assert_eq!(log.acknowledge(&1, 4), 4);
        Ok(())
    }

    #[test]
    fn what_is_committed_stays_when_the_members_change() {
        let mut log = Acknowledged::new(Quorums::majority(1..=3));
        log.acknowledge(&1, 5);
        log.acknowledge(&2, 4);
        let mut log = log.with_system(Quorums::majority([1, 7, 8]));
        assert_eq!(log.committed(), 4);
        assert_eq!(log.acknowledge(&7, 5), 5);
        let log = log.with_system(Quorums::any([2, 3]));
        assert_eq!(log.committed(), 5);
    }
}
