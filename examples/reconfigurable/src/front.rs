//! The configurations that an operation still has to visit.

use std::collections::BTreeSet;

use gorums_runtime::NodeId;

use crate::proto::{Blueprint, Known};

/// The configurations ahead, of which the smallest is next.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    /// In the order of their ranks. Never empty.
    ahead: Vec<Blueprint>,
    /// The replicas of those that were left.
    behind: BTreeSet<NodeId>,
}

impl Front {
    pub(crate) fn new(start: Blueprint) -> Self {
        Self {
            ahead: vec![start],
            behind: BTreeSet::new(),
        }
    }

    /// The smallest configuration.
    pub(crate) fn first(&self) -> &Blueprint {
        &self.ahead[0]
    }

    /// The one after the smallest, or the smallest itself.
    pub(crate) fn second(&self) -> &Blueprint {
        self.ahead.get(1).unwrap_or(self.first())
    }

    /// The greatest configuration.
    pub(crate) fn last(&self) -> &Blueprint {
        self.ahead.last().unwrap_or(self.first())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Blueprint> {
        self.ahead.iter()
    }

    /// Whether this is the only configuration.
    pub(crate) fn is(&self, this: &Blueprint) -> bool {
        self.ahead == std::slice::from_ref(this)
    }

    /// The replicas of the configurations that were left.
    pub(crate) fn behind(&self) -> impl Iterator<Item = NodeId> {
        self.behind.iter().copied()
    }

    /// Adds a configuration, unless the front is ahead of it.
    pub(crate) fn insert(&mut self, new: Blueprint) {
        if new.rank() < self.first().rank() || self.ahead.contains(&new) {
            return;
        }
        let at = self
            .ahead
            .partition_point(|other| other.rank() <= new.rank());
        self.ahead.insert(at, new);
    }

    /// Leaves a configuration for those after it.
    pub(crate) fn leave(&mut self, this: &Blueprint) {
        if self.ahead.len() > 1 && self.first() == this {
            let left = self.ahead.remove(0);
            self.behind.extend(left.members());
        }
    }

    /// Goes to an installed configuration, for which older ones were abandoned.
    pub(crate) fn advance(&mut self, cur: &Blueprint) {
        if cur.rank() <= self.first().rank() {
            return;
        }
        let all = std::mem::take(&mut self.ahead).into_iter();
        let (left, ahead): (Vec<_>, Vec<_>) = all.partition(|it| it.rank() < cur.rank());
        self.behind.extend(left.iter().flat_map(Blueprint::members));
        self.ahead = ahead;
        if !self.ahead.contains(cur) {
            self.ahead.insert(0, cur.clone());
        }
    }

    /// Goes to an installed configuration, and forgets all others.
    pub(crate) fn restart(&mut self, cur: &Blueprint) {
        self.behind
            .extend(self.ahead.iter().flat_map(Blueprint::members));
        self.ahead = vec![cur.clone()];
    }

    /// Takes note of the configurations that replicas know.
    pub(crate) fn learn(&mut self, known: &Known) {
        if let Some(cur) = &known.cur {
            self.advance(cur);
        }
        known
            .next
            .iter()
            .cloned()
            .for_each(|next| self.insert(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_moves_up() {
        let [one, two, three] = [1, 2, 3].map(|n| Blueprint::of(1..=n));
        let mut front = Front::new(one.clone());
        front.insert(three.clone());
        front.insert(two.clone());
        front.insert(two.clone());
        assert_eq!(
            (front.first(), front.second(), front.last()),
            (&one, &two, &three)
        );
        front.leave(&two);
        assert_eq!(front.first(), &one);
        front.leave(&one);
        front.insert(one.clone());
        assert_eq!(front.first(), &two);
        front.advance(&three);
        assert!(front.is(&three));
        front.leave(&three);
        assert!(front.is(&three));
        assert!(front.behind().eq([1, 2].map(NodeId::new)));
    }
}
