//! The attributes of commands.

use std::collections::BTreeMap;

use gorums_runtime::NodeId;

use crate::instance::InstanceId;

/// The attributes of a batch of commands: the constraints on its place in the order of execution.
///
/// `deps` has one number for each replica, as the paper proposes for implementations: a dependency on `R.i` is one on
/// each instance `R.j`, `j <= i`, whose commands interfere. Which do is known once they are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// Higher than that of each interfering command that was known; it breaks cycles of dependencies.
    pub seq: u64,
    /// For each replica that has any, the highest instance with interfering commands that was known.
    pub deps: BTreeMap<NodeId, u64>,
}

impl Attributes {
    /// Adds all constraints of `other`: the higher `seq`, and the union of the dependencies.
    pub fn merge(&mut self, other: &Self) {
        self.seq = self.seq.max(other.seq);
        for (&replica, &number) in &other.deps {
            self.add(InstanceId { replica, number });
        }
    }

    /// Adds a dependency.
    pub fn add(&mut self, instance: InstanceId) {
        let latest = self.deps.entry(instance.replica).or_default();
        *latest = instance.number.max(*latest);
    }

    /// Whether the commands depend on those of `instance`, if these interfere.
    pub fn include(&self, instance: InstanceId) -> bool {
        let latest = self.deps.get(&instance.replica);
        latest.is_some_and(|latest| instance.number <= *latest)
    }
}
