//! What the nodes can do, as the command line says.

use std::collections::BTreeMap;

use gorums_quorums::Node;

use crate::args::Asked;
use crate::failure::Failure;
use crate::node_spec::NodeSpec;

/// What the nodes can do.
#[derive(Debug)]
pub(crate) struct Capabilities {
    named: BTreeMap<String, Node>,
    others: Node,
}

impl Capabilities {
    /// The capabilities that `specs` give to nodes. Those of the options add to them.
    pub(crate) fn new(specs: &[NodeSpec], asked: &Asked) -> Result<Self, Failure> {
        let others = Node::with_capacities(asked.capacity.reads, asked.capacity.writes)
            .and_then(|node| node.with_latency(asked.latency))
            .map_err(Failure::Input)?;
        let mut named = BTreeMap::new();
        for spec in specs.iter().chain(&asked.specs) {
            for name in &spec.names {
                let node = named.entry(name.clone()).or_insert(others);
                *node = described(*node, spec).map_err(|error| Failure::Node {
                    node: name.clone(),
                    error,
                })?;
            }
        }
        Ok(Self { named, others })
    }

    /// What a node can do.
    pub(crate) fn of(&self, name: &String) -> Node {
        self.named.get(name).copied().unwrap_or(self.others)
    }

    /// Checks that only `nodes` were described.
    pub(crate) fn check(&self, nodes: &[String]) -> Result<(), Failure> {
        match self.named.keys().find(|name| !nodes.contains(name)) {
            None => Ok(()),
            Some(node) => Err(Failure::UnknownNode {
                node: node.clone(),
                nodes: nodes.to_vec(),
            }),
        }
    }
}

fn described(node: Node, spec: &NodeSpec) -> Result<Node, gorums_quorums::Error> {
    let latency = spec.latency.unwrap_or(node.latency());
    let node = match spec.capacities {
        Some(capacities) => Node::with_capacities(capacities.reads, capacities.writes)?,
        None => node,
    };
    node.with_latency(latency)
}
