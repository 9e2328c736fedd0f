//! Configurations as a join semilattice: sets of changes, ordered by inclusion.
//!
//! A blueprint only grows: a replica that is removed stays in the set, as removed. So two blueprints that were made at the same
//! time can be merged, and the result has the changes of both. The name is SmartMerge's; DynaStore calls them views.

use std::collections::BTreeSet;

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{QuorumError, Quorums, ReadWrite};

use crate::proto::{Blueprint, Threshold};

/// The most replicas, present and removed, that a blueprint may have. It bounds what one message can cost.
const MOST: usize = 1024;

impl Blueprint {
    /// The blueprint with these replicas.
    pub fn of(added: impl IntoIterator<Item = u32>) -> Self {
        Self::change(added, [])
    }

    /// A change: replicas to add and to remove. Merge it into a blueprint.
    pub fn change(
        added: impl IntoIterator<Item = u32>,
        removed: impl IntoIterator<Item = u32>,
    ) -> Self {
        let removed: BTreeSet<u32> = removed.into_iter().collect();
        let added: BTreeSet<u32> = added.into_iter().collect();
        Self {
            added: added.difference(&removed).copied().collect(),
            removed: removed.into_iter().collect(),
            threshold: None,
        }
    }

    /// The same, with quorums that tolerate `faults` replicas that fail. The greatest epoch, from 1 on, holds.
    pub fn tolerating(self, epoch: u64, faults: u32) -> Self {
        Self {
            threshold: Some(Threshold { epoch, faults }),
            ..self
        }
    }

    /// The join: the smallest blueprint that has the changes of both.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let both = |some: &[u32], others: &[u32]| some.iter().chain(others).copied().collect();
        let added: Vec<u32> = both(&self.added, &other.added);
        let removed: Vec<u32> = both(&self.removed, &other.removed);
        Self {
            threshold: self.threshold.max_by_epoch(other.threshold),
            ..Self::change(added, removed)
        }
    }

    /// Whether the other blueprint has all changes of this one.
    pub fn is_within(&self, other: &Self) -> bool {
        self.merge(other) == *other
    }

    /// A number that is greater for each blueprint that has more changes.
    pub fn rank(&self) -> impl Ord + use<> {
        let threshold = self.threshold.unwrap_or_default();
        let changes = self.added.len() + 2 * self.removed.len();
        (changes, threshold.epoch, threshold.faults)
    }

    /// The replicas.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        self.added.iter().copied().map(NodeId::new)
    }

    /// The quorums: majorities, unless the blueprint has a threshold. Any two write quorums have a replica in common.
    ///
    /// # Errors
    ///
    /// If there are no replicas.
    pub fn quorums(&self) -> Result<ReadWrite<NodeId>, QuorumError> {
        let replicas = self.added.len();
        let most = replicas.saturating_sub(1) / 2;
        let faults = self
            .threshold
            .map_or(most, |it| most.min(it.faults as usize));
        let writes = Quorums::at_least(replicas - faults, self.members())?;
        Ok(ReadWrite::of_writes(writes))
    }

    /// Whether the blueprint is in normal form, and not too large.
    pub(crate) fn is_normal(&self) -> bool {
        let is_sorted = |ids: &[u32]| ids.is_sorted_by(|one, next| one < next);
        let is_disjoint = || self.removed.iter().all(|id| !self.added.contains(id));
        self.added.len() + self.removed.len() <= MOST
            && is_sorted(&self.added)
            && is_sorted(&self.removed)
            && self.added.first() != Some(&0)
            && is_disjoint()
            && self.threshold.is_none_or(|threshold| threshold.epoch > 0)
    }
}

/// The choice between two thresholds.
trait MaxByEpoch {
    fn max_by_epoch(self, other: Self) -> Self;
}

impl MaxByEpoch for Option<Threshold> {
    fn max_by_epoch(self, other: Self) -> Self {
        self.into_iter()
            .chain(other)
            .max_by_key(|it| (it.epoch, it.faults))
    }
}

impl std::fmt::Display for Blueprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.added)?;
        if !self.removed.is_empty() {
            write!(f, " without {:?}", self.removed)?;
        }
        match self.threshold {
            Some(threshold) => write!(f, ", {} faults", threshold.faults),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_replica_does_not_come_back() {
        let first = Blueprint::of([1, 2, 3]);
        let removed = first.merge(&Blueprint::change([4], [1]));
        assert_eq!(removed, Blueprint::change([2, 3, 4], [1]));
        assert_eq!(removed.merge(&first), removed);
        assert_eq!(removed.merge(&Blueprint::of([1])), removed);
        assert!(first.is_within(&removed) && !removed.is_within(&first));
        assert!(first.rank() < removed.rank());
    }

    #[test]
    fn the_greatest_epoch_has_the_threshold() {
        let five = Blueprint::of(1..=5);
        let quorums = |blueprint: &Blueprint| {
            let quorums = blueprint.quorums().expect("there are replicas");
            [quorums.reads(), quorums.writes()].map(ToString::to_string)
        };
        let of = |k| format!("choose({k}, [1, 2, 3, 4, 5])");
        assert_eq!(quorums(&five), [of(3), of(3)]);
        let one = five.clone().tolerating(1, 1);
        assert_eq!(quorums(&one), [of(2), of(4)]);
        let none = five.clone().tolerating(2, 0);
        assert_eq!(
            quorums(&none.merge(&one)),
            ["1 | 2 | 3 | 4 | 5", "1 & 2 & 3 & 4 & 5"]
        );
        assert_eq!(quorums(&five.tolerating(3, 9)), [of(3), of(3)]);
        assert!(Blueprint::default().quorums().is_err());
    }

    #[test]
    fn the_join_is_the_least_upper_bound() {
        let some = |rng: &mut fastrand::Rng| {
            let ids = |rng: &mut fastrand::Rng| (1..5).filter(|_| rng.bool()).collect::<Vec<_>>();
            Blueprint::change(ids(rng), ids(rng)).tolerating(rng.u64(1..4), rng.u32(..3))
        };
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let [a, b, c] = [(); 3].map(|()| some(&mut rng));
            let join = a.merge(&b);
            assert!(join.is_normal());
            assert_eq!(join, b.merge(&a));
            assert_eq!(join.merge(&c), a.merge(&b.merge(&c)));
            assert!(a.is_within(&join) && b.is_within(&join));
            if a.is_within(&c) && b.is_within(&c) {
                assert!(join.is_within(&c));
            }
            if a.is_within(&c) && a != c {
                assert!(a.rank() < c.rank());
            }
        }
    }

    #[test]
    fn other_forms_are_not_normal() {
        let form = |added: &[u32], removed: &[u32]| Blueprint {
            added: added.to_vec(),
            removed: removed.to_vec(),
            threshold: None,
        };
        assert!(form(&[1, 2], &[3]).is_normal());
        for form in [
            form(&[2, 1], &[]),
            form(&[1], &[1]),
            form(&[0], &[]),
            form(&[1, 1], &[]),
        ] {
            assert!(!form.is_normal(), "{form:?}");
        }
        assert!(!Blueprint::of(1..=2000).is_normal());
    }
}
