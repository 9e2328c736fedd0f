//! The replies that a quorum function looks at.

use std::collections::{HashMap, HashSet, VecDeque};

use super::reply_limit::{Held, ReplyLimit};
use crate::identity::NodeId;

/// The replies of a call so far, each with the node that sent it, in order of arrival.
///
/// A quorum function inspects them and, when they suffice, moves those that it needs out with one of the `take`
/// methods. A reply that was taken is gone from the set, so take only when you decide.
///
/// If a method streams its replies, one node may send any number of them. Then count
/// [distinct nodes](Self::distinct_nodes), not replies.
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
    /// The number of replies so far, including those that were taken.
    arrived: usize,
    /// The state of each node's stream, if nodes may reply more than once.
    streams: Option<Box<Streams>>,
}

/// The nodes' streams of replies.
#[derive(Clone, Debug)]
struct Streams {
    limit: ReplyLimit,
    /// The size of each reply in bytes, in the same order.
    sizes: VecDeque<usize>,
    /// The replies held of each node that has replied.
    nodes: HashMap<NodeId, Held>,
}

/// The node has sent more replies than the call may hold.
#[derive(Debug)]
pub(crate) struct TooMany(pub(crate) ReplyLimit);

impl<T> Replies<T> {
    /// The replies of a call to `asked` nodes; none yet.
    pub(crate) fn to_come(asked: usize) -> Self {
        Self {
            replies: Vec::with_capacity(asked),
            asked,
            arrived: 0,
            streams: None,
        }
    }

    /// The same for a call whose nodes may reply any number of times. `limit` bounds the replies held of each node.
    pub(crate) fn streams_to_come(asked: usize, limit: ReplyLimit) -> Self {
        Self {
            streams: Some(Box::new(Streams {
                limit,
                sizes: VecDeque::new(),
                nodes: HashMap::new(),
            })),
            ..Self::to_come(asked)
        }
    }

    /// How many nodes were asked: all nodes of the configuration except the skipped ones.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    /// Adds a reply of `bytes` bytes. Returns whether it is its node's first.
    pub(crate) fn push(&mut self, node: NodeId, reply: T, bytes: usize) -> Result<bool, TooMany> {
        let mut is_first = true;
        if let Some(streams) = &mut self.streams {
            let before = streams.nodes.len();
            let held = streams.nodes.entry(node).or_default();
            if !streams.limit.admits(held, bytes) {
                return Err(TooMany(streams.limit));
            }
            held.add(bytes);
            streams.sizes.push_back(bytes);
            is_first = streams.nodes.len() > before;
        }
        self.replies.push((node, reply));
        self.arrived += 1;
        Ok(is_first)
    }

    /// How many nodes have replied, including those whose replies were taken.
    pub(crate) fn replied(&self) -> usize {
        match &self.streams {
            Some(streams) => streams.nodes.len(),
            None => self.arrived,
        }
    }

    /// The number of replies so far, including those that were taken.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived
    }

    /// How many replies there are.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// How many different nodes sent the replies. Quorums are counted by this.
    pub fn distinct_nodes(&self) -> usize {
        match &self.streams {
            Some(streams) if self.replies.len() == self.arrived => streams.nodes.len(),
            _ => self.node_ids().collect::<HashSet<_>>().len(),
        }
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
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        self.replies.iter().map(|(node, _)| *node)
    }

    /// The reply of `node`, the latest if it sent several.
    pub fn get(&self, node: NodeId) -> Option<&T> {
        self.iter()
            .rev()
            .find(|(from, _)| *from == node)
            .map(|(_, reply)| reply)
    }

    /// The reply that arrived last, which is the reason for the present call of the quorum function.
    pub fn latest(&self) -> Option<(NodeId, &T)> {
        self.iter().next_back()
    }

    /// Moves the reply of `node` out, the latest if it sent several.
    pub fn take(&mut self, node: NodeId) -> Option<T> {
        let at = self.replies.iter().rposition(|(from, _)| *from == node)?;
        Some(self.remove(at))
    }

    /// Moves the reply that arrived first out.
    pub fn take_first(&mut self) -> Option<T> {
        (!self.is_empty()).then(|| self.remove(0))
    }

    /// Moves the reply that arrived last out.
    pub fn take_latest(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        Some(self.remove(last))
    }

    /// Moves the reply with the greatest key out; of several, the one that arrived last.
    pub fn take_max_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) -> Option<T> {
        let at = (0..self.len()).max_by_key(|&at| key(&self.replies[at].1))?;
        Some(self.remove(at))
    }

    /// Moves the reply with the least key out; of several, the one that arrived first.
    pub fn take_min_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) -> Option<T> {
        let at = (0..self.len()).min_by_key(|&at| key(&self.replies[at].1))?;
        Some(self.remove(at))
    }

    /// Moves all replies out, in order of arrival.
    pub fn take_all(&mut self) -> Vec<(NodeId, T)> {
        if let Some(streams) = &mut self.streams {
            streams.sizes.clear();
            streams
                .nodes
                .values_mut()
                .for_each(|held| *held = Held::default());
        }
        std::mem::take(&mut self.replies)
    }

    fn remove(&mut self, at: usize) -> T {
        let (node, reply) = self.replies.remove(at);
        if let Some(streams) = &mut self.streams
            && let Some(bytes) = streams.sizes.remove(at)
            && let Some(held) = streams.nodes.get_mut(&node)
        {
            held.remove(bytes);
        }
        reply
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

/// Replies in the iterator's order, for tests of a quorum function.
impl<T> FromIterator<(NodeId, T)> for Replies<T> {
    fn from_iter<I: IntoIterator<Item = (NodeId, T)>>(replies: I) -> Self {
        let mut all = Self::default();
        all.extend(replies);
        all
    }
}

/// Adds replies as the latest ones.
impl<T> Extend<(NodeId, T)> for Replies<T> {
    fn extend<I: IntoIterator<Item = (NodeId, T)>>(&mut self, replies: I) {
        for (node, reply) in replies {
            self.replies.push((node, reply));
            self.arrived += 1;
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
            replies.node_ids().collect::<Vec<_>>(),
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
    fn one_node_of_many_replies_is_one_node() {
        let mut all = Replies::from_iter([1, 2, 1, 1].map(|node| (NodeId::new(node), node)));
        assert_eq!((all.len(), all.distinct_nodes()), (4, 2));
        all.take(NodeId::new(2));
        assert_eq!(all.distinct_nodes(), 1);
    }

    #[test]
    fn each_node_has_room_of_its_own_and_what_is_taken_makes_room() {
        let limit = ReplyLimit {
            replies: 2,
            bytes: 100,
        };
        let (bad, good) = (NodeId::new(1), NodeId::new(2));
        let mut replies = Replies::streams_to_come(3, limit);
        let push = |replies: &mut Replies<_>, node, bytes| replies.push(node, bytes, bytes).ok();
        assert_eq!(push(&mut replies, bad, 10), Some(true));
        assert_eq!(push(&mut replies, bad, 20), Some(false));
        assert_eq!(push(&mut replies, bad, 30), None);
        assert_eq!(push(&mut replies, good, 60), Some(true));
        assert_eq!(push(&mut replies, good, 60), None);
        assert_eq!((replies.replied(), replies.distinct_nodes()), (2, 2));
        assert_eq!(replies.take_first(), Some(10));
        assert_eq!(push(&mut replies, bad, 40), Some(false));
        assert_eq!(replies.take(good), Some(60));
        assert_eq!((replies.replied(), replies.distinct_nodes()), (2, 1));
        assert_eq!(replies.take_all().len(), 2);
        assert_eq!(push(&mut replies, bad, 100), Some(false));
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
