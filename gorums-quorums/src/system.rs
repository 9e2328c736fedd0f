//! A quorum system and its nodes.

use std::fmt::Display;
use std::sync::Arc;

use gorums_quorum::{NodeSet, ReadWrite, Universe};

use crate::family::{Family, smallest};
use crate::sets::{Sets, enumerate};
use crate::{Kind, Node, Resilience};

/// A quorum system, what its nodes can do, and its enumerated quorums.
///
/// ```
/// use gorums_quorum::{Quorums, ReadWrite};
/// use gorums_quorums::{Kind, Node, System};
///
/// let grid = ReadWrite::of_reads("a*b*c + d*e*f".parse::<Quorums<String>>()?);
/// let grid = System::new(grid, |_| Node::default(), System::<String>::LIMIT);
/// assert_eq!(grid.minimal(Kind::Write).len(), 9);
/// assert_eq!(grid.resilience().both(), 1);
/// # Ok::<(), gorums_quorum::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct System<N: Display> {
    quorums: ReadWrite<N>,
    universe: Universe<N>,
    nodes: Arc<[Node]>,
    reads: Family<N>,
    writes: Family<N>,
    /// The sets of nodes whose failure leaves no read quorum.
    blocking_reads: Sets,
    blocking_writes: Sets,
    resilience: Resilience,
    limit: usize,
}

impl<N: Ord + Clone + Display> System<N> {
    /// So many quorums of each kind are usually enough.
    pub const LIMIT: usize = 10_000;

    /// Enumerates the quorums of a system; `node` tells what a node can do.
    ///
    /// At most `limit` quorums of each kind are taken, and fewer if there are so many nodes that it would take longer than
    /// some seconds. [`is_complete`](Self::is_complete) tells whether these are all.
    pub fn new(quorums: ReadWrite<N>, mut node: impl FnMut(&N) -> Node, limit: usize) -> Self {
        let both = quorums.reads().nodes().iter();
        let both = both.chain(quorums.writes().nodes());
        let universe: Universe<N> = both.cloned().collect();
        let reads = Family::new(quorums.reads(), &universe, limit);
        let writes = Family::new(quorums.writes(), &universe, limit);
        let (read_dual, write_dual) = (quorums.reads().dual(), quorums.writes().dual());
        let (blocking_reads, blocking_writes) = match read_dual == *quorums.writes() {
            true => (writes.minimal.clone(), reads.minimal.clone()),
            false => (
                enumerate(&read_dual, &universe, limit),
                enumerate(&write_dual, &universe, limit),
            ),
        };
        let resilience = Resilience {
            reads: smallest(&read_dual, &blocking_reads).saturating_sub(1),
            writes: smallest(&write_dual, &blocking_writes).saturating_sub(1),
            is_exact: blocking_reads.is_complete && blocking_writes.is_complete,
        };
        Self {
            nodes: universe.iter().map(&mut node).collect(),
            quorums,
            universe,
            reads,
            writes,
            blocking_reads,
            blocking_writes,
            resilience,
            limit,
        }
    }

    /// Whether `nodes` include a quorum of this kind.
    pub fn is_quorum(&self, kind: Kind, nodes: &NodeSet) -> bool {
        self.family(kind).is_quorum(nodes)
    }

    /// After how many seconds a quorum has answered, if all of `nodes` are asked; nothing if they include no quorum.
    pub fn latency(&self, kind: Kind, nodes: &NodeSet) -> Option<f64> {
        let mut order: Vec<(f64, usize)> = nodes
            .iter()
            .filter_map(|at| Some((self.nodes.get(at)?.latency(), at)))
            .collect();
        order.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut answered = NodeSet::new();
        let mut answers = order.into_iter();
        let (latency, _) = answers.find(|&(_, at)| {
            answered.insert(at);
            self.is_quorum(kind, &answered)
        })?;
        Some(latency)
    }

    /// How many nodes the smallest quorum has.
    pub fn smallest(&self, kind: Kind) -> usize {
        self.family(kind).smallest()
    }
}

impl<N: Display> System<N> {
    /// The quorums.
    pub fn quorums(&self) -> &ReadWrite<N> {
        &self.quorums
    }

    /// The nodes of reads and of writes. Sets of nodes refer to them by their positions.
    pub fn universe(&self) -> &Universe<N> {
        &self.universe
    }

    /// What the nodes can do, in the order of [`universe`](Self::universe).
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn shared_nodes(&self) -> &Arc<[Node]> {
        &self.nodes
    }

    /// The quorums of this kind that include no smaller one, as far as they were enumerated.
    pub fn minimal(&self, kind: Kind) -> &[NodeSet] {
        &self.family(kind).minimal.sets
    }

    /// Whether [`minimal`](Self::minimal) has all quorums of this kind that include no smaller one.
    pub fn is_complete(&self, kind: Kind) -> bool {
        self.family(kind).minimal.is_complete
    }

    /// How many failures the system survives.
    pub fn resilience(&self) -> Resilience {
        self.resilience
    }

    /// The sets of nodes that have a node of each quorum of this kind, and include no smaller such set.
    pub(crate) fn blocking(&self, kind: Kind) -> &Sets {
        match kind {
            Kind::Read => &self.blocking_reads,
            Kind::Write => &self.blocking_writes,
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    fn family(&self, kind: Kind) -> &Family<N> {
        match kind {
            Kind::Read => &self.reads,
            Kind::Write => &self.writes,
        }
    }
}
