//! The replies that a quorum function looks at.

use std::collections::{HashMap, HashSet, VecDeque};

use super::reply_limit::{Held, ReplyLimit};
use gorums_quorum::{NodeSet, QuorumSystem, Universe};

use crate::identity::NodeId;

/// The replies of a call so far, each with the node that sent it, in order of arrival.
///
/// A quorum function inspects them and, when they suffice, moves those that it needs out with one of the `take`
/// methods. A reply that was taken is gone from the set, so take only when you decide.
///
/// If a method streams its replies, one node may send any number of them. [`form`](Self::form) and
/// [`distinct_nodes`](Self::distinct_nodes) count nodes, not replies.
///
/// ```
/// use gorums_runtime::{NodeId, Replies};
///
/// use gorums_runtime::quorum::Quorums;
///
/// struct State { value: &'static str, timestamp: u64 }
///
/// struct Spec { quorums: Quorums<NodeId> }
///
/// impl Spec {
///     /// The newest state of a quorum.
///     fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
///         if !replies.form(&self.quorums) {
///             return None;
///         }
///         replies.take_max_by_key(|state| state.timestamp)
///     }
/// }
///
/// let spec = Spec { quorums: Quorums::majority([1, 2, 3].map(NodeId::new)) };
/// let mut replies = Replies::from_iter([(NodeId::new(1), State { value: "old", timestamp: 1 })]);
/// assert!(spec.read_qf(&mut replies).is_none());
/// replies.extend([(NodeId::new(2), State { value: "new", timestamp: 2 })]);
/// assert_eq!(spec.read_qf(&mut replies).map(|state| state.value), Some("new"));
/// ```
#[derive(Clone, Debug)]
pub struct Replies<T> {
    replies: Vec<(NodeId, T)>,
    /// How many nodes the configuration has.
    nodes: usize,
    /// How many of them were not asked.
    skipped: usize,
    /// The number of replies so far, including those that were taken.
    arrived: usize,
    /// The state of each node's stream, if nodes may reply more than once.
    streams: Option<Box<Streams>>,
    /// Whose replies there are, once somebody has asked for a quorum of them.
    senders: Option<Box<Senders>>,
}

/// Whose replies there are, as a set of the nodes of a quorum system.
#[derive(Clone, Debug)]
struct Senders {
    universe: Universe<NodeId>,
    nodes: NodeSet,
    /// How many of the replies are counted in.
    counted: usize,
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
    /// No replies yet of a configuration of `nodes` nodes, for tests of a quorum function.
    pub fn of(nodes: usize) -> Self {
        Self::to_come(nodes)
    }

    /// The replies of a call to a configuration of `nodes` nodes, of which all are asked; none yet.
    pub(crate) fn to_come(nodes: usize) -> Self {
        Self {
            replies: Vec::with_capacity(nodes),
            nodes,
            skipped: 0,
            arrived: 0,
            streams: None,
            senders: None,
        }
    }

    /// The same for a call whose nodes may reply any number of times. `limit` bounds the replies held of each node.
    pub(crate) fn streams_to_come(nodes: usize, limit: ReplyLimit) -> Self {
        Self {
            streams: Some(Box::new(Streams {
                limit,
                sizes: VecDeque::new(),
                nodes: HashMap::new(),
            })),
            ..Self::to_come(nodes)
        }
    }

    /// Notes that `nodes` more nodes are skipped.
    pub(crate) fn skip(&mut self, nodes: usize) {
        self.skipped += nodes;
    }

    /// How many nodes are asked: those of the configuration that are not [skipped](Self::skipped).
    pub fn asked(&self) -> usize {
        self.nodes - self.skipped
    }

    /// How many nodes of the configuration are skipped, because the call has no request for them.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Whether the replies come from more than half of the configuration's nodes, skipped ones included. A node counts
    /// once, whatever it sends.
    ///
    /// It follows a configuration whose nodes change; see [`form`](Self::form) for other quorums.
    pub fn is_majority(&self) -> bool {
        self.distinct_nodes() > self.nodes / 2
    }

    /// Whether the replies come from a quorum of `system`. A node counts once, whatever it sends; one that the system
    /// does not have does not count.
    ///
    /// ```
    /// use gorums_runtime::quorum::Quorums;
    /// use gorums_runtime::{NodeId, Replies};
    ///
    /// let nodes = [1, 2, 3, 4].map(NodeId::new);
    /// let rows = Quorums::row([&nodes[..2], &nodes[2..]].map(|row| row.iter().copied()))?;
    /// let mut replies = Replies::from_iter([(nodes[0], "a"), (nodes[2], "b")]);
    /// assert!(!replies.form(&rows));
    /// replies.extend([(nodes[3], "c")]);
    /// assert!(replies.form(&rows));
    /// # Ok::<(), gorums_runtime::quorum::QuorumError>(())
    /// ```
    pub fn form(&mut self, system: &(impl QuorumSystem<Node = NodeId> + ?Sized)) -> bool {
        system.is_quorum(self.senders(system.universe()))
    }

    /// The key of the latest reply, if the nodes that agree on it are a quorum of `system`: those whose latest reply has an
    /// equal key. The key is a digest, for example, or a value and its ballot: all that the result is made of, or a liar
    /// could agree on the key and send another value.
    ///
    /// `f + 1` equal replies have one of a correct node if `f` nodes are Byzantine, and `2f + 1` have most. A node counts
    /// once, whatever it sends. Call it in the quorum function, which runs after each reply, so that it looks at each key.
    ///
    /// ```
    /// use gorums_runtime::quorum::Quorums;
    /// use gorums_runtime::{NodeId, Replies};
    ///
    /// let nodes = [1, 2, 3, 4].map(NodeId::new);
    /// let one_correct = Quorums::one_correct(1, nodes)?;
    /// let mut replies = Replies::from_iter([(nodes[0], "forged"), (nodes[1], "genuine")]);
    /// assert_eq!(replies.agree(&one_correct, |reply| *reply), None);
    /// replies.extend([(nodes[3], "genuine")]);
    /// assert_eq!(replies.agree(&one_correct, |reply| *reply), Some("genuine"));
    /// # Ok::<(), gorums_runtime::quorum::QuorumError>(())
    /// ```
    pub fn agree<K: Eq>(
        &self,
        system: &(impl QuorumSystem<Node = NodeId> + ?Sized),
        mut key: impl FnMut(&T) -> K,
    ) -> Option<K> {
        let (_, latest) = self.latest()?;
        let agreed = key(latest);
        let universe = system.universe();
        let (mut seen, mut agreeing) = (NodeSet::new(), NodeSet::new());
        for (node, reply) in self.iter().rev() {
            if let Some(position) = universe.position(&node)
                && seen.insert(position)
                && key(reply) == agreed
            {
                agreeing.insert(position);
            }
        }
        system.is_quorum(&agreeing).then_some(agreed)
    }

    /// Whose replies there are. Only those that have come since the last time are looked at.
    pub(crate) fn senders(&mut self, universe: &Universe<NodeId>) -> &NodeSet {
        let is_of = |it: &Senders| it.universe.is(universe) || it.universe == *universe;
        let senders = self.senders.take().filter(|senders| is_of(senders));
        let mut senders = senders.unwrap_or_else(|| {
            Box::new(Senders {
                universe: universe.clone(),
                nodes: NodeSet::with_room_for(universe.len()),
                counted: 0,
            })
        });
        let new = self.replies[senders.counted..].iter();
        senders
            .nodes
            .extend(new.filter_map(|(node, _)| universe.position(node)));
        senders.counted = self.replies.len();
        &self.senders.insert(senders).nodes
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
        self.senders = None;
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
        self.senders = None;
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

/// Replies in the iterator's order, of a configuration that has only these nodes, for tests of a quorum function.
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
        if self.arrived > self.nodes {
            self.nodes = self.nodes.max(self.distinct_nodes());
        }
    }
}

#[cfg(test)]
mod tests {
    use gorums_quorum::Quorums;

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
    fn a_majority_is_of_all_nodes_skipped_ones_included() {
        let mut replies = Replies::of(4);
        replies.extend([1, 1, 1, 2].map(|node| (NodeId::new(node), ())));
        assert!(!replies.is_majority());
        replies.skip(1);
        assert!(!replies.is_majority());
        assert_eq!((replies.asked(), replies.skipped()), (3, 1));
        replies.extend([(NodeId::new(3), ())]);
        assert!(replies.is_majority());
    }

    #[test]
    fn a_quorum_is_of_the_replies_that_are_there() {
        let majority = Quorums::majority([1, 2, 3].map(NodeId::new));
        let mut replies = Replies::from_iter([1, 1, 4].map(|node| (NodeId::new(node), node)));
        assert!(!replies.form(&majority));
        replies.extend([(NodeId::new(2), 2)]);
        assert!(replies.form(&majority));
        assert!(!replies.form(&Quorums::all([1, 2, 3].map(NodeId::new))));
        replies.take(NodeId::new(2));
        assert!(!replies.form(&majority));
        replies.extend([(NodeId::new(3), 3)]);
        assert!(replies.form(&majority));
        replies.take_all();
        assert!(!replies.form(&majority));
    }

    #[test]
    fn nodes_agree_by_their_latest_replies() {
        let majority = Quorums::majority([1, 2, 3].map(NodeId::new));
        let mut replies = Replies::default();
        assert_eq!(replies.agree(&majority, |reply| *reply), None);
        let agreed =
            [(1, 'a'), (1, 'a'), (2, 'b'), (9, 'b'), (1, 'b'), (2, 'a')].map(|(node, key)| {
                replies.extend([(NodeId::new(node), key)]);
                replies.agree(&majority, |reply| *reply)
            });
        assert_eq!(agreed, [None, None, None, None, Some('b'), None]);
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
