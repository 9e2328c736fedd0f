//! Counting equal replies.

use crate::{NodeSet, QuorumSystem, Verdict};

/// The nodes that have sent equal replies: replies with an equal key, which is a digest, or a value and its ballot.
///
/// `f + 1` equal replies have one from a correct node, `2f + 1` most; PBFT, HotStuff and Basil are built of such
/// certificates. A node counts once, whatever it sends: with its latest reply.
///
/// ```
/// use gorums_quorum::{Matching, Quorums};
///
/// let mut replies = Matching::new(Quorums::one_correct(1, 1..=4)?);
/// assert_eq!(replies.add(&4, "forged"), None);
/// assert_eq!(replies.add(&4, "forged"), None);
/// assert_eq!(replies.add(&1, "genuine"), None);
/// assert_eq!(replies.add(&2, "genuine"), Some(&"genuine"));
/// # Ok::<(), gorums_quorum::QuorumError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matching<S, K> {
    system: S,
    groups: Vec<Group<K>>,
}

#[derive(Clone, Debug)]
struct Group<K> {
    key: K,
    nodes: NodeSet,
}

impl<S: QuorumSystem, K: Eq> Matching<S, K> {
    /// No replies yet.
    pub fn new(system: S) -> Self {
        Self {
            system,
            groups: Vec::new(),
        }
    }

    /// Counts the reply of a node. Returns the key if the nodes whose latest reply has it are a quorum now. A node that is
    /// not in the system's universe does not count.
    pub fn add(&mut self, node: &S::Node, key: K) -> Option<&K> {
        let position = self.system.universe().position(node)?;
        self.groups.retain_mut(|group| {
            group.key == key || !group.nodes.remove(position) || !group.nodes.is_empty()
        });
        let at = self.groups.iter().position(|group| group.key == key);
        let at = at.unwrap_or_else(|| {
            let nodes = NodeSet::with_room_for(self.system.universe().len());
            self.groups.push(Group { key, nodes });
            self.groups.len() - 1
        });
        let group = &mut self.groups[at];
        group.nodes.insert(position);
        self.system
            .is_quorum(&group.nodes)
            .then_some(&self.groups[at].key)
    }

    /// What is known about a quorum of equal replies, if the nodes in `no` send nothing any more, and the others nothing
    /// else than they have sent.
    pub fn verdict(&self, no: &NodeSet) -> Verdict {
        if self
            .groups
            .iter()
            .any(|it| self.system.is_quorum(&it.nodes))
        {
            return Verdict::Formed;
        }
        let mut silent = self.system.universe().all();
        silent.subtract(no);
        for group in &self.groups {
            silent.subtract(&group.nodes);
        }
        let could = |group: &Group<K>| {
            let mut nodes = group.nodes.clone();
            nodes.extend_from(&silent);
            self.system.is_quorum(&nodes)
        };
        match self.system.is_quorum(&silent) || self.groups.iter().any(could) {
            true => Verdict::Possible,
            false => Verdict::Impossible,
        }
    }

    /// The keys, each with the nodes whose latest reply has it.
    pub fn groups(&self) -> impl Iterator<Item = (&K, &NodeSet)> {
        self.groups.iter().map(|group| (&group.key, &group.nodes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quorums;

    #[test]
    fn a_node_counts_once_whatever_it_sends() {
        let mut replies = Matching::new(Quorums::majority(1..=3));
        for key in ["a", "b", "a", "b"] {
            assert_eq!(replies.add(&1, key), None);
            assert_eq!(replies.add(&9, key), None);
        }
        assert_eq!(replies.groups().count(), 1);
        assert_eq!(replies.add(&2, "b"), Some(&"b"));
    }

    #[test]
    fn nodes_that_disagree_or_fail_can_make_equality_impossible() {
        let mut replies = Matching::new(Quorums::majority(1..=5));
        let nobody = NodeSet::new();
        for (node, key) in [(1, "a"), (2, "b"), (3, "c")] {
            assert_eq!(replies.verdict(&nobody), Verdict::Possible);
            replies.add(&node, key);
        }
        assert_eq!(replies.verdict(&nobody), Verdict::Possible);
        assert_eq!(
            replies.verdict(&NodeSet::from_iter([4])),
            Verdict::Impossible
        );
        replies.add(&4, "a");
        assert_eq!(replies.verdict(&nobody), Verdict::Possible);
        replies.add(&5, "a");
        assert_eq!(replies.verdict(&nobody), Verdict::Formed);
    }
}
