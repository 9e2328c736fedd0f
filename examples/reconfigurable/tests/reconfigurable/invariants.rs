//! What has to hold after each step.

use std::collections::HashMap;

use gorums_runtime::NodeId;
use harness::seeds::Failure;
use reconfigurable::Register;
use reconfigurable::proto::{Algorithm, Blueprint};

/// What has been seen so far.
pub(crate) struct Invariants {
    algorithm: Algorithm,
    /// The configurations that were installed, in their order.
    installed: Vec<Blueprint>,
    /// What follows each configuration.
    next: HashMap<Blueprint, Vec<Blueprint>>,
    /// The greatest tag of an operation that has returned.
    pub(crate) returned: (u64, u64),
}

impl Invariants {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            installed: Vec::new(),
            next: HashMap::new(),
            returned: (0, 0),
        }
    }

    /// Checks all replicas after `changed` has handled a request.
    pub(crate) fn check<'a>(
        &mut self,
        changed: &Register,
        all: impl Iterator<Item = (NodeId, &'a Register)>,
    ) -> Result<(), Failure> {
        if let Some(cur) = changed.cur()
            && !self.installed.contains(cur)
        {
            self.check_installed(cur, all)?;
        }
        for (this, next) in changed.next() {
            self.check_next(this, next)?;
        }
        Ok(())
    }

    /// The configurations that are installed form a chain, and a quorum of each has all values that were returned.
    fn check_installed<'a>(
        &mut self,
        cur: &Blueprint,
        all: impl Iterator<Item = (NodeId, &'a Register)>,
    ) -> Result<(), Failure> {
        for other in &self.installed {
            if !cur.is_within(other) && !other.is_within(cur) {
                return Err(format!("{cur} and {other} were installed").into());
            }
        }
        let is_newest = self
            .installed
            .last()
            .is_none_or(|last| last.rank() < cur.rank());
        let holders = all.filter(|(_, register)| register.stored().order() >= self.returned);
        let holders: Vec<NodeId> = holders.map(|(id, _)| id).collect();
        if is_newest && !cur.quorums()?.writes().is_quorum_of(&holders) {
            return Err(format!(
                "{cur} is installed without a value that was returned: {:?}; {holders:?} have it",
                self.returned
            )
            .into());
        }
        let at = self
            .installed
            .partition_point(|other| other.rank() < cur.rank());
        self.installed.insert(at, cur.clone());
        Ok(())
    }

    /// RAMBO: one configuration follows each. SmartMerge: all configurations form a chain.
    fn check_next(&mut self, this: &Blueprint, next: &[Blueprint]) -> Result<(), Failure> {
        for next in next {
            if self.next.get(this).is_some_and(|seen| seen.contains(next)) {
                continue;
            }
            match self.algorithm {
                Algorithm::Rambo if self.next.contains_key(this) => {
                    return Err(format!("{this} is followed by {next} and others").into());
                }
                Algorithm::SmartMerge => {
                    let mut others = self.next.values().flatten();
                    if let Some(other) =
                        others.find(|other| !other.is_within(next) && !next.is_within(other))
                    {
                        return Err(format!("{next} and {other} were learned").into());
                    }
                }
                _ => {}
            }
            self.next
                .entry(this.clone())
                .or_default()
                .push(next.clone());
        }
        Ok(())
    }
}
