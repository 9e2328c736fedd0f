//! Which nodes may be bad.

use std::sync::Mutex;
use std::time::Instant;

use gorums_runtime::NodeId;

use crate::REPLICAS;
use crate::replicas::id;

/// How many nodes may be bad while the others are a majority.
pub(crate) const MOST: usize = (REPLICAS - 1) / 2;

/// The nodes that are bad, and the times at which others became good again.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<[Suspect; REPLICAS]>);

#[derive(Clone, Copy, Debug, Default)]
struct Suspect {
    /// The fault of a node that is bad.
    fault: Option<&'static str>,
    /// The time at which it was last known to be good again.
    cleared: Option<Instant>,
}

impl Suspects {
    /// Marks a good node as bad: the one that `choose` picks from this many.
    pub(crate) fn accuse(&self, fault: &'static str, choose: impl FnOnce(usize) -> usize) -> usize {
        let mut suspects = self.0.lock().expect("not poisoned");
        let good: Vec<usize> = (0..REPLICAS)
            .filter(|index| suspects[*index].fault.is_none())
            .collect();
        let index = good[choose(good.len())];
        suspects[index].fault = Some(fault);
        index
    }

    /// Marks the node as good from now on.
    pub(crate) fn clear(&self, index: usize) {
        self.0.lock().expect("not poisoned")[index] = Suspect {
            fault: None,
            cleared: Some(Instant::now()),
        };
    }

    /// The nodes that may have been bad at some time since `start`.
    pub(crate) fn since(&self, start: Instant) -> Vec<NodeId> {
        let suspects = self.0.lock().expect("not poisoned");
        let bad = |suspect: &Suspect| {
            suspect.fault.is_some() || suspect.cleared.is_some_and(|cleared| cleared > start)
        };
        let indices = (0..REPLICAS).filter(|index| bad(&suspects[*index]));
        indices.map(id).collect()
    }

    /// The current faults: `2:stopped 5:garbage`.
    pub(crate) fn faults(&self) -> String {
        let suspects = self.0.lock().expect("not poisoned");
        let faults = (0..REPLICAS).filter_map(|index| {
            let fault = suspects[index].fault?;
            Some(format!("{}:{fault}", id(index)))
        });
        let faults: Vec<_> = faults.collect();
        match faults.is_empty() {
            true => "none".to_string(),
            false => faults.join(" "),
        }
    }
}
