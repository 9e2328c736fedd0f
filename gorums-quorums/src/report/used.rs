//! What is told of a quorum that a strategy uses.

use gorums_quorums::{Kind, Strategy};
use serde::Serialize;

/// What is told of a quorum that a strategy uses.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    pub(super) probability: f64,
    pub(super) quorum: Vec<String>,
    pub(super) latency: f64,
}

impl Used {
    /// The quorums of this kind, the most likely first.
    pub(super) fn all(strategy: &Strategy<String>, kind: Kind) -> Vec<Self> {
        let choices = strategy.choices(kind).iter();
        let used = choices.map(|choice| Self {
            probability: choice.probability,
            quorum: strategy.universe().nodes(&choice.quorum).cloned().collect(),
            latency: choice.latency,
        });
        let mut used: Vec<Self> = used.collect();
        // Those that differ by the solver's error only are as likely.
        let parts = |used: &Self| (used.probability * 1e6).round();
        used.sort_by(|one, other| {
            let order = parts(other).total_cmp(&parts(one));
            order.then_with(|| one.quorum.cmp(&other.quorum))
        });
        used
    }
}
