//! Which quorums are used how often.

use std::fmt::Display;
use std::sync::Arc;

use gorums_quorum::{NodeSet, Universe};

use crate::read_fractions::normalized;
use crate::{Error, Kind, Metric, Node, ReadFractions, System};

/// A quorum that a strategy uses.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// The nodes that are asked, by their positions in the system's universe.
    pub quorum: NodeSet,
    /// How likely it is to be chosen.
    pub probability: f64,
    /// After how many seconds a quorum has answered.
    pub latency: f64,
}

/// Which quorums are used how often.
///
/// ```
/// use gorums_quorum::{Quorums, ReadWrite};
/// use gorums_quorums::{Node, ReadFractions, Strategy, System};
///
/// let pair = ReadWrite::of_reads("a + b".parse::<Quorums<String>>()?);
/// let pair = System::new(pair, |_| Node::default(), 100);
/// let set = |nodes: &[usize]| nodes.iter().copied().collect();
/// let strategy = Strategy::new(&pair, [(set(&[0]), 3.0), (set(&[1]), 1.0)], [(set(&[0, 1]), 1.0)])?;
/// assert_eq!(strategy.load(&ReadFractions::always(1.0)?), 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Strategy<N> {
    universe: Universe<N>,
    nodes: Arc<[Node]>,
    reads: Used,
    writes: Used,
    is_optimal: bool,
}

/// The quorums of one kind.
#[derive(Clone, Debug)]
struct Used {
    choices: Vec<Choice>,
    /// How likely each node is to be asked.
    asked: Vec<f64>,
}

impl<N: Ord + Clone + Display> Strategy<N> {
    /// A strategy that uses quorums as often as their weights say. Positions that no node has do not count.
    ///
    /// # Errors
    ///
    /// [`Error::NoQuorum`] if a set is no quorum of its kind, [`Error::Weight`] if a weight is negative or not finite, and
    /// [`Error::NoWeight`] if none is more than 0.
    pub fn new(
        system: &System<N>,
        reads: impl IntoIterator<Item = (NodeSet, f64)>,
        writes: impl IntoIterator<Item = (NodeSet, f64)>,
    ) -> Result<Self, Error> {
        Ok(Self {
            universe: system.universe().clone(),
            nodes: Arc::clone(system.shared_nodes()),
            reads: Used::new(system, Kind::Read, reads.into_iter().collect())?,
            writes: Used::new(system, Kind::Write, writes.into_iter().collect())?,
            is_optimal: false,
        })
    }

    /// The same strategy, of which it is known whether a better one exists.
    pub(crate) fn known(self, is_optimal: bool) -> Self {
        Self { is_optimal, ..self }
    }
}

impl<N> Strategy<N> {
    /// The nodes. Quorums refer to them by their positions.
    pub fn universe(&self) -> &Universe<N> {
        &self.universe
    }

    /// The quorums of this kind.
    pub fn choices(&self, kind: Kind) -> &[Choice] {
        &self.used(kind).choices
    }

    /// Whether it is known that no other strategy is better for the question that it answers. It is not if there were too
    /// many quorums to look at all, or it was made by hand.
    pub fn is_optimal(&self) -> bool {
        self.is_optimal
    }

    /// The value of the metric, in its [unit](Metric::unit).
    pub fn metric(&self, metric: Metric, reads: &ReadFractions) -> f64 {
        match metric {
            Metric::Load => self.load(reads),
            Metric::Latency => self.latency(reads),
            Metric::Network => self.network(reads),
        }
    }

    /// For how many seconds a command keeps the busiest node busy. Of several read fractions, it is the average.
    pub fn load(&self, reads: &ReadFractions) -> f64 {
        reads.expected(|fraction| self.load_at(fraction))
    }

    /// How many commands per second can be done until the busiest node is always busy. Of several read fractions, it is the
    /// average.
    pub fn capacity(&self, reads: &ReadFractions) -> f64 {
        reads.expected(|fraction| self.load_at(fraction).recip())
    }

    /// After how many seconds a quorum has answered, on average.
    pub fn latency(&self, reads: &ReadFractions) -> f64 {
        self.average(reads, |choice| choice.latency)
    }

    /// How many nodes a command is sent to, on average.
    pub fn network(&self, reads: &ReadFractions) -> f64 {
        self.average(reads, |choice| choice.quorum.len() as f64)
    }

    /// For how many seconds a command keeps each node busy, on average.
    pub fn node_loads(&self, reads: &ReadFractions) -> Vec<f64> {
        let nodes = 0..self.nodes.len();
        let load = |node| reads.expected(|fraction| self.node_load(node, fraction));
        nodes.map(load).collect()
    }

    /// For which part of the time each node is busy if as many commands are done as can be, on average.
    pub fn utilizations(&self, reads: &ReadFractions) -> Vec<f64> {
        let nodes = 0..self.nodes.len();
        let busy = |node, fraction| self.node_load(node, fraction) / self.load_at(fraction);
        nodes
            .map(|node| reads.expected(|fraction| busy(node, fraction)))
            .collect()
    }

    /// How many commands per second each node gets if as many are done as can be, on average.
    pub fn throughputs(&self, reads: &ReadFractions) -> Vec<f64> {
        let asked = self.reads.asked.iter().zip(&self.writes.asked);
        let throughput = |(reads_asked, writes_asked): (&f64, &f64)| {
            reads.expected(|fraction| {
                let commands = fraction * reads_asked + (1.0 - fraction) * writes_asked;
                commands / self.load_at(fraction)
            })
        };
        asked.map(throughput).collect()
    }

    /// How likely each node is to be asked for a command of this kind.
    pub fn asked(&self, kind: Kind) -> &[f64] {
        &self.used(kind).asked
    }

    fn used(&self, kind: Kind) -> &Used {
        match kind {
            Kind::Read => &self.reads,
            Kind::Write => &self.writes,
        }
    }

    fn load_at(&self, fraction: f64) -> f64 {
        let nodes = 0..self.nodes.len();
        let loads = nodes.map(|node| self.node_load(node, fraction));
        loads.fold(0.0, f64::max)
    }

    fn node_load(&self, node: usize, fraction: f64) -> f64 {
        let (reads, writes) = (self.reads.asked[node], self.writes.asked[node]);
        self.nodes[node].load(fraction, reads, writes)
    }

    fn average(&self, reads: &ReadFractions, of: impl Fn(&Choice) -> f64) -> f64 {
        let average = |used: &Used| {
            let choices = used.choices.iter();
            let parts = choices.map(|choice| choice.probability * of(choice));
            parts.sum::<f64>()
        };
        let fraction = reads.mean();
        fraction * average(&self.reads) + (1.0 - fraction) * average(&self.writes)
    }
}

impl Used {
    fn new<N: Ord + Clone + Display>(
        system: &System<N>,
        kind: Kind,
        weighted: Vec<(NodeSet, f64)>,
    ) -> Result<Self, Error> {
        let mut asked = vec![0.0; system.nodes().len()];
        let mut choices = Vec::new();
        let of = match kind {
            Kind::Read => "read quorum",
            Kind::Write => "write quorum",
        };
        for (mut quorum, probability) in normalized(weighted, of)? {
            let mut unknown = quorum.clone();
            unknown.subtract(&system.universe().all());
            quorum.subtract(&unknown);
            let Some(latency) = system.latency(kind, &quorum) else {
                let nodes = system.universe().nodes(&quorum);
                let nodes = nodes.map(N::to_string).collect();
                return Err(Error::NoQuorum { kind, nodes });
            };
            quorum.iter().for_each(|node| asked[node] += probability);
            choices.push(Choice {
                quorum,
                probability,
                latency,
            });
        }
        Ok(Self { choices, asked })
    }
}
