//! Sets of nodes.

use std::fmt;

use smallvec::SmallVec;

/// A set of nodes, by their positions in a [`Universe`](crate::Universe).
///
/// A set of positions below 256 needs no allocation.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeSet {
    /// One bit for each position. The last word is not 0, so that equal sets have equal words.
    words: SmallVec<[u64; 4]>,
}

const BITS: usize = u64::BITS as usize;

impl NodeSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The empty set, with room for positions below `nodes`.
    pub fn with_room_for(nodes: usize) -> Self {
        Self {
            words: SmallVec::with_capacity(nodes.div_ceil(BITS)),
        }
    }

    /// The positions below `nodes`.
    pub fn first(nodes: usize) -> Self {
        (0..nodes).collect()
    }

    /// Adds a position. Returns whether it was not in the set.
    pub fn insert(&mut self, position: usize) -> bool {
        let (word, bit) = (position / BITS, 1 << (position % BITS));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let before = self.words[word];
        self.words[word] |= bit;
        before & bit == 0
    }

    /// Removes a position. Returns whether it was in the set.
    pub fn remove(&mut self, position: usize) -> bool {
        let (word, bit) = (position / BITS, 1 << (position % BITS));
        let Some(bits) = self.words.get_mut(word) else {
            return false;
        };
        let was_in = *bits & bit != 0;
        *bits &= !bit;
        self.trim();
        was_in
    }

    /// Whether the position is in the set.
    pub fn contains(&self, position: usize) -> bool {
        let word = self.words.get(position / BITS);
        word.is_some_and(|word| word >> (position % BITS) & 1 == 1)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        let counts = self.words.iter().map(|word| word.count_ones());
        counts.sum::<u32>() as usize
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many nodes are also in `other`.
    pub fn common(&self, other: &Self) -> usize {
        let pairs = self.words.iter().zip(&other.words);
        pairs.map(|(a, b)| (a & b).count_ones()).sum::<u32>() as usize
    }

    /// Whether all nodes are in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        let in_other = |(at, word): (usize, &u64)| word & !other.words.get(at).unwrap_or(&0) == 0;
        self.words.iter().enumerate().all(in_other)
    }

    /// Adds the nodes of `other`.
    pub fn extend_from(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Removes the nodes of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
        self.trim();
    }

    /// Removes all nodes. The room for them stays.
    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// The positions, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let rest = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
            let ones = rest.take_while(|&rest| rest != 0);
            ones.map(move |rest| at * BITS + rest.trailing_zeros() as usize)
        })
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

impl FromIterator<usize> for NodeSet {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        let mut set = Self::new();
        set.extend(positions);
        set
    }
}

impl Extend<usize> for NodeSet {
    fn extend<I: IntoIterator<Item = usize>>(&mut self, positions: I) {
        for position in positions {
            self.insert(position);
        }
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_inserted_and_not_removed() {
        let mut set = NodeSet::from_iter([3, 64, 1023]);
        assert!(!set.insert(64) && set.insert(5));
        assert!(set.remove(3) && !set.remove(3) && !set.remove(5000));
        assert_eq!(set.iter().collect::<Vec<_>>(), [5, 64, 1023]);
        assert!(set.contains(1023) && !set.contains(1022) && !set.contains(5000));
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn sets_are_equal_whatever_was_in_them_before() {
        let mut set = NodeSet::from_iter([1, 900]);
        set.remove(900);
        assert_eq!(set, NodeSet::from_iter([1]));
        set.subtract(&NodeSet::first(100));
        assert!(set.is_empty());
        assert_eq!(set, NodeSet::new());
    }

    #[test]
    fn sets_of_different_lengths_are_compared_and_joined() {
        let (short, long) = (NodeSet::from_iter([1, 2]), NodeSet::from_iter([2, 200]));
        assert_eq!((short.common(&long), long.common(&short)), (1, 1));
        assert!(!short.is_subset(&long) && !long.is_subset(&short));
        let mut both = short.clone();
        both.extend_from(&long);
        assert!(short.is_subset(&both) && long.is_subset(&both));
        assert_eq!(both.len(), 3);
    }
}
