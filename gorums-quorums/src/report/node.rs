//! What is told of a node.

use gorums_quorums::{Question, Strategy, System};
use serde::Serialize;

/// What is told of a node.
#[derive(Debug, Serialize)]
pub(super) struct NodeReport {
    pub(super) name: String,
    pub(super) read_capacity: f64,
    pub(super) write_capacity: f64,
    pub(super) latency: f64,
    pub(super) load: f64,
    /// Its part of all nodes' loads.
    pub(super) share: f64,
    /// For which part of the time it is busy, and what it gets, if as many commands are done as can be.
    pub(super) utilization: f64,
    pub(super) throughput: f64,
}

impl NodeReport {
    pub(super) fn all(
        system: &System<String>,
        question: &Question,
        strategy: &Strategy<String>,
    ) -> Vec<Self> {
        let loads = strategy.node_loads(&question.reads);
        let total: f64 = loads.iter().sum();
        let utilizations = strategy.utilizations(&question.reads);
        let throughputs = strategy.throughputs(&question.reads);
        let used = loads.iter().zip(utilizations).zip(throughputs);
        let nodes = system.universe().iter().zip(system.nodes());
        let nodes = nodes
            .zip(used)
            .map(|((name, node), ((load, utilization), throughput))| Self {
                name: name.clone(),
                read_capacity: node.read_capacity(),
                write_capacity: node.write_capacity(),
                latency: node.latency(),
                load: *load,
                share: if total > 0.0 { load / total } else { 0.0 },
                utilization,
                throughput,
            });
        nodes.collect()
    }
}
