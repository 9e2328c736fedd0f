//! What is told of the quorums of one kind.

use gorums_quorum::NodeSet;
use gorums_quorums::{Kind, System};
use serde::Serialize;

/// What is told of the quorums of one kind.
#[derive(Debug, Serialize)]
pub(super) struct QuorumsReport {
    pub(super) expression: String,
    pub(super) quorums: usize,
    /// Whether there are no more quorums.
    pub(super) is_complete: bool,
    pub(super) smallest: usize,
    pub(super) largest: usize,
    pub(super) resilience: usize,
}

impl QuorumsReport {
    pub(super) fn new(system: &System<String>, kind: Kind) -> Self {
        let expression = match kind {
            Kind::Read => system.quorums().reads().to_string(),
            Kind::Write => system.quorums().writes().to_string(),
        };
        let quorums = system.minimal(kind);
        let sizes = quorums.iter().map(NodeSet::len);
        Self {
            expression,
            quorums: quorums.len(),
            is_complete: system.is_complete(kind),
            smallest: system.smallest(kind),
            largest: sizes.max().unwrap_or_default(),
            resilience: system.resilience().of(kind),
        }
    }
}
