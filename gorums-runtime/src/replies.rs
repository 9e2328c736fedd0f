//! The replies that a quorum function looks at.

use crate::NodeId;

/// The replies of a call so far, each with the node that sent it, in order of arrival.
///
/// A quorum function looks at them and, when they suffice, moves the ones it wants out with one of the `take`
/// methods. A reply that was taken is no longer among them: take only when you decide.
///
/// ```
/// use gorums_runtime::{NodeId, Replies};
///
/// struct State { value: &'static str, timestamp: u64 }
///
/// /// The newest state of a majority of three replicas.
/// fn read_qf(replies: &mut Replies<State>) -> Option<State> {
///     if replies.len() < 2 {
///         return None;
///     }
///     replies.take_max_by_key(|state| state.timestamp)
/// }
///
/// let mut replies = Replies::from_iter([(NodeId::new(1), State { value: "old", timestamp: 1 })]);
/// assert!(read_qf(&mut replies).is_none());
/// replies.extend([(NodeId::new(2), State { value: "new", timestamp: 2 })]);
/// assert_eq!(read_qf(&mut replies).map(|state| state.value), Some("new"));
/// ```
#[derive(Clone, Debug)]
pub struct Replies<T> {
    replies: Vec<(NodeId, T)>,
    /// How many nodes were asked.
    asked: usize,
    /// How many replies there have been, the ones that were taken included.
    arrived: usize,
}

impl<T> Replies<T> {
    /// The replies of a call that goes to `asked` nodes, before the first of them.
    pub(crate) fn to_come(asked: usize) -> Self {
        Self {
            replies: Vec::with_capacity(asked),
            asked,
            arrived: 0,
        }
    }

    /// How many nodes were asked: those of the configuration but the skipped ones.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    pub(crate) fn push(&mut self, node: NodeId, reply: T) {
        self.replies.push((node, reply));
        self.arrived += 1;
    }

    /// How many replies there have been, the ones that were taken included.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived
    }

    /// How many replies there are.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Whether there is no reply.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// The replies with their nodes, in order of arrival.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &T)> + ExactSizeIterator {
        self.replies.iter().map(|(node, reply)| (*node, reply))
    }

    /// The replies without their nodes, in order of arrival.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.replies.iter().map(|(_, reply)| reply)
    }

    /// The nodes that replied, in order of arrival.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        self.replies.iter().map(|(node, _)| *node)
    }

    /// The reply of `node`, the latest if it sent several.
    pub fn get(&self, node: NodeId) -> Option<&T> {
        self.iter()
            .rev()
            .find(|(from, _)| *from == node)
            .map(|(_, reply)| reply)
    }

    /// The reply that arrived last: the one that the quorum function is called for.
    pub fn latest(&self) -> Option<(NodeId, &T)> {
        self.iter().next_back()
    }

    /// Moves the reply of `node` out, the latest if it sent several.
    pub fn take(&mut self, node: NodeId) -> Option<T> {
        let at = self.replies.iter().rposition(|(from, _)| *from == node)?;
        Some(self.replies.remove(at).1)
    }

    /// Moves the reply that arrived first out.
    pub fn take_first(&mut self) -> Option<T> {
        (!self.is_empty()).then(|| self.replies.remove(0).1)
    }

    /// Moves the reply that arrived last out.
    pub fn take_latest(&mut self) -> Option<T> {
        self.replies.pop().map(|(_, reply)| reply)
    }

    /// Moves the reply with the greatest key out; of several, the one that arrived last.
    pub fn take_max_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) -> Option<T> {
        let at = (0..self.len()).max_by_key(|&at| key(&self.replies[at].1))?;
        Some(self.replies.remove(at).1)
    }

    /// Moves the reply with the least key out; of several, the one that arrived first.
    pub fn take_min_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) -> Option<T> {
        let at = (0..self.len()).min_by_key(|&at| key(&self.replies[at].1))?;
        Some(self.replies.remove(at).1)
    }

    /// Moves all replies out, in order of arrival.
    pub fn take_all(&mut self) -> Vec<(NodeId, T)> {
        std::mem::take(&mut self.replies)
    }
}

/// The same replies of the same nodes, in the same order.
impl<T: PartialEq> PartialEq for Replies<T> {
    fn eq(&self, other: &Self) -> bool {
        self.replies == other.replies
    }
}

impl<T: Eq> Eq for Replies<T> {}

/// No replies.
impl<T> Default for Replies<T> {
    fn default() -> Self {
        Self::to_come(0)
    }
}

/// Replies that arrived in the iterator's order, to test a quorum function with.
impl<T> FromIterator<(NodeId, T)> for Replies<T> {
    fn from_iter<I: IntoIterator<Item = (NodeId, T)>>(replies: I) -> Self {
        let mut all = Self::default();
        all.extend(replies);
        all
    }
}

/// More replies, that arrived after the ones before.
impl<T> Extend<(NodeId, T)> for Replies<T> {
    fn extend<I: IntoIterator<Item = (NodeId, T)>>(&mut self, replies: I) {
        for (node, reply) in replies {
            self.push(node, reply);
        }
        self.asked = self.asked.max(self.arrived);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(messages: &[u32]) -> Replies<u32> {
        (1..)
            .map(NodeId::new)
            .zip(messages.iter().copied())
            .collect()
    }

    #[test]
    fn replies_keep_the_order_of_arrival_when_one_is_taken() {
        let mut replies = replies(&[10, 30, 20]);
        assert_eq!(replies.take(NodeId::new(1)), Some(10));
        assert_eq!(replies.messages().copied().collect::<Vec<_>>(), [30, 20]);
        assert_eq!(
            replies.nodes().collect::<Vec<_>>(),
            [NodeId::new(2), NodeId::new(3)]
        );
    }

    #[test]
    fn the_latest_of_equal_maxima_and_the_first_of_equal_minima_are_taken() {
        let all = Replies::from_iter([(NodeId::new(1), ("a", 1)), (NodeId::new(2), ("b", 1))]);
        assert_eq!(all.clone().take_max_by_key(|reply| reply.1), Some(("b", 1)));
        assert_eq!(all.clone().take_min_by_key(|reply| reply.1), Some(("a", 1)));
    }

    #[test]
    fn the_latest_reply_of_a_node_that_sent_several_is_its_reply() {
        let mut all = Replies::from_iter([(NodeId::new(1), 1), (NodeId::new(1), 2)]);
        assert_eq!(all.get(NodeId::new(1)), Some(&2));
        assert_eq!(all.take(NodeId::new(1)), Some(2));
        assert_eq!(all.get(NodeId::new(1)), Some(&1));
    }

    #[test]
    fn nothing_can_be_taken_from_no_replies() {
        let mut none = Replies::<u32>::default();
        assert!(none.is_empty());
        assert_eq!(none.latest(), None);
        assert_eq!(none.take_first(), None);
        assert_eq!(none.take_latest(), None);
        assert_eq!(none.take_max_by_key(|reply| *reply), None);
        assert_eq!(none.take_min_by_key(|reply| *reply), None);
        assert_eq!(none.take_all(), []);
    }

    #[test]
    fn first_latest_and_all_are_taken_in_order_of_arrival() {
        let mut all = replies(&[1, 2, 3, 4]);
        assert_eq!(all.latest(), Some((NodeId::new(4), &4)));
        assert_eq!(all.take_first(), Some(1));
        assert_eq!(all.take_latest(), Some(4));
        assert_eq!(all.take_all(), [(NodeId::new(2), 2), (NodeId::new(3), 3)]);
        assert!(all.is_empty());
    }
}
