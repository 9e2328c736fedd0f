//! Searching for the best quorum system.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use gorums_quorum::{Quorums, ReadWrite};

use crate::trees::{Tree, Trees};
use crate::{Error, Node, Question, Strategy, System};

/// A search for the best quorum system of some nodes.
///
/// It looks at all systems in which each node has one place: `choose(2, [a, b & c, d])`, but not `a & b | a & c`. The least
/// nested come first. Writes are the dual of reads. Nodes that can do the same are not told apart.
#[derive(Clone, Debug)]
pub struct Search {
    /// What the strategy is asked for.
    pub question: Question,
    /// So many failures the system has to survive.
    pub resilience: usize,
    /// So long may it take. It ends a little later, as it does not leave a system half looked at.
    pub time_limit: Option<Duration>,
    /// So many quorums of each kind are enumerated.
    pub limit: usize,
}

/// The best quorum system that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found<N: Display> {
    /// The system.
    pub system: System<N>,
    /// Its best strategy.
    pub strategy: Strategy<N>,
    /// How many systems were looked at.
    pub systems: u64,
    /// Whether these are all, and all their quorums were looked at. If not, another one may be better.
    pub is_complete: bool,
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// How many systems were looked at.
    pub systems: u64,
    /// The least value of the metric so far.
    pub best: Option<f64>,
}

impl Search {
    /// Searches, and tells `progress` after each system.
    ///
    /// # Errors
    ///
    /// [`Error::NoNodes`] without nodes, and [`Error::NoSystem`] if no system is an answer. A node that is given twice is
    /// one, which can do what it was first said to.
    pub fn run<N: Ord + Clone + Display>(
        &self,
        nodes: impl IntoIterator<Item = (N, Node)>,
        progress: impl FnMut(Progress),
    ) -> Result<Found<N>, Error> {
        let nodes = Nodes::new(nodes);
        if nodes.known.is_empty() {
            return Err(Error::NoNodes);
        }
        let start = Instant::now();
        let is_over = || {
            self.time_limit
                .is_some_and(|limit| start.elapsed() >= limit)
        };
        let mut run = Run {
            search: self,
            nodes: &nodes,
            progress,
            systems: 0,
            is_cut: false,
            best: None,
            closest: None,
        };
        let bag: Vec<usize> = nodes.classes.iter().map(Vec::len).collect();
        let end = Trees { is_over: &is_over }.each(&bag, &mut |tree| {
            if is_over() {
                return ControlFlow::Break(());
            }
            run.look_at(tree);
            ControlFlow::Continue(())
        });
        let (systems, is_complete) = (run.systems, end.is_continue() && !run.is_cut);
        let Some((system, mut strategy, _)) = run.best else {
            return Err(Error::NoSystem {
                systems,
                is_complete,
                closest: run.closest.map(Box::new),
            });
        };
        // Ties matter for the answer only; to compare systems, they need not be broken.
        if let Ok(better) = self.question.best(&system) {
            strategy = better;
        }
        Ok(Found {
            system,
            strategy,
            systems,
            is_complete,
        })
    }
}

/// The nodes, those that can do the same together.
struct Nodes<N> {
    known: Vec<(N, Node)>,
    classes: Vec<Vec<N>>,
}

impl<N: Ord + Clone + Display> Nodes<N> {
    fn new(nodes: impl IntoIterator<Item = (N, Node)>) -> Self {
        let mut known: Vec<(N, Node)> = nodes.into_iter().collect();
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known.dedup_by(|(one, _), (other, _)| one == other);
        let mut classes: Vec<(Node, Vec<N>)> = Vec::new();
        for (name, node) in &known {
            match classes.iter_mut().find(|(class, _)| class == node) {
                Some((_, names)) => names.push(name.clone()),
                None => classes.push((*node, vec![name.clone()])),
            }
        }
        let classes = classes.into_iter().map(|(_, names)| names).collect();
        Self { known, classes }
    }

    fn node(&self, name: &N) -> Node {
        let at = self.known.binary_search_by(|(known, _)| known.cmp(name));
        at.map_or_else(|_| Node::default(), |at| self.known[at].1)
    }

    /// The reads that a tree stands for. `used` counts the nodes of each class that have a place.
    fn quorums(&self, tree: &Tree, used: &mut [usize]) -> Option<Quorums<N>> {
        match tree {
            Tree::Node(class) => {
                let node = self.classes.get(*class)?.get(used[*class])?;
                used[*class] += 1;
                Some(Quorums::node(node.clone()))
            }
            Tree::Choose { least, of } => {
                let of = of.iter().map(|tree| self.quorums(tree, used));
                Quorums::choose(*least, of.collect::<Option<Vec<_>>>()?).ok()
            }
        }
    }
}

/// A search that runs.
struct Run<'a, N: Display, P> {
    search: &'a Search,
    nodes: &'a Nodes<N>,
    progress: P,
    systems: u64,
    /// Whether there were too many quorums to look at all.
    is_cut: bool,
    best: Option<(System<N>, Strategy<N>, f64)>,
    /// Why the first resilient system is no answer.
    closest: Option<Error>,
}

impl<N: Ord + Clone + Display, P: FnMut(Progress)> Run<'_, N, P> {
    fn look_at(&mut self, tree: &Tree) {
        self.systems += 1;
        let survived = tree.smallest().min(tree.smallest_of_dual()) - 1;
        if survived >= self.search.resilience.max(self.search.question.f) {
            self.weigh(tree);
        }
        (self.progress)(Progress {
            systems: self.systems,
            best: self.best.as_ref().map(|(_, _, value)| *value),
        });
    }

    /// Keeps the system if it is better than the best so far.
    fn weigh(&mut self, tree: &Tree) {
        let mut used = vec![0; self.nodes.classes.len()];
        let Some(reads) = self.nodes.quorums(tree, &mut used) else {
            return;
        };
        let node = |name: &N| self.nodes.node(name);
        let system = System::new(ReadWrite::of_reads(reads), node, self.search.limit);
        let question = &self.search.question;
        match question.strategy(&system, false) {
            Ok(strategy) => {
                self.is_cut |= !strategy.is_optimal();
                let value = strategy.metric(question.optimize, &question.reads);
                let best = self.best.as_ref().map(|(_, _, value)| *value);
                if best.is_none_or(|best| value < best * (1.0 - 1e-9)) {
                    self.best = Some((system, strategy, value));
                }
            }
            Err(error) => {
                self.is_cut |= matches!(
                    error,
                    Error::TooLarge { .. } | Error::TooSlow { .. } | Error::Solver { .. }
                );
                self.closest.get_or_insert(error);
            }
        }
    }
}
