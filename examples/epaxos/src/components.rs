//! Strongly connected components.

use std::collections::HashMap;
use std::hash::Hash;

/// A walk through a graph that finds its strongly connected components: Tarjan's algorithm ("Depth-first search and
/// linear graph algorithms", 1972). It keeps its own stack, so that a long path does not overflow the thread's.
#[derive(Debug)]
pub(crate) struct Components<N> {
    seen: HashMap<N, Seen>,
    /// The nodes from the root to the one that is being visited.
    path: Vec<Visit<N>>,
    /// The nodes that have been seen, and whose components are not complete.
    stack: Vec<N>,
}

#[derive(Clone, Copy, Debug)]
enum Seen {
    /// On the stack, at this place.
    At(usize),
    /// In a component that was complete.
    Done,
}

#[derive(Debug)]
struct Visit<N> {
    node: N,
    /// Its place on the stack.
    at: usize,
    /// The lowest place on the stack that it is known to reach.
    low: usize,
    /// The nodes that it has edges to, and that are still to be looked at.
    edges: std::vec::IntoIter<N>,
}

impl<N: Copy + Eq + Hash> Components<N> {
    /// A walk that has not begun.
    pub(crate) fn new() -> Self {
        Self {
            seen: HashMap::new(),
            path: Vec::new(),
            stack: Vec::new(),
        }
    }

    /// Begins the walk at `root`, which has these `edges`.
    pub(crate) fn begin(&mut self, root: N, edges: Vec<N>) {
        let at = self.stack.len();
        self.stack.push(root);
        self.seen.insert(root, Seen::At(at));
        self.path.push(Visit {
            node: root,
            at,
            low: at,
            edges: edges.into_iter(),
        });
    }

    /// The next component; those that it has edges to came before. `edges` gives the edges of each node that is
    /// reached, or ends the walk. `None` once all nodes that the root reaches have been in a component.
    pub(crate) fn next<E>(
        &mut self,
        edges: impl Fn(N) -> Result<Vec<N>, E>,
    ) -> Result<Option<Vec<N>>, E> {
        while let Some(visit) = self.path.last_mut() {
            if let Some(next) = visit.edges.next() {
                match self.seen.get(&next) {
                    None => {
                        let edges = edges(next)?;
                        self.begin(next, edges);
                    }
                    Some(Seen::At(at)) => visit.low = visit.low.min(*at),
                    Some(Seen::Done) => {}
                }
                continue;
            }
            let (node, at, low) = (visit.node, visit.at, visit.low);
            self.path.pop();
            if let Some(parent) = self.path.last_mut() {
                parent.low = parent.low.min(low);
            }
            if low == at {
                let component = self.stack.split_off(at);
                debug_assert_eq!(
                    component.first().copied().map(|first| first == node),
                    Some(true)
                );
                for node in &component {
                    self.seen.insert(*node, Seen::Done);
                }
                return Ok(Some(component));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use super::*;

    fn components(root: usize, graph: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
        let mut components = Components::new();
        components.begin(root, graph[root].clone());
        let edges = |node: usize| Ok::<_, Infallible>(graph[node].clone());
        std::iter::from_fn(|| components.next(edges).expect("edges never fail"))
            .map(BTreeSet::from_iter)
            .collect()
    }

    /// Whether there is a path from each node to each other.
    fn reachability(graph: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
        let reached_from = |root: usize| {
            let (mut reached, mut next) = (BTreeSet::from([root]), vec![root]);
            while let Some(node) = next.pop() {
                next.extend(graph[node].iter().filter(|node| reached.insert(**node)));
            }
            reached
        };
        (0..graph.len()).map(reached_from).collect()
    }

    #[test]
    fn components_are_the_nodes_that_reach_each_other_and_come_after_those_they_reach() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let nodes = rng.usize(1..9);
            let edges = |rng: &mut fastrand::Rng| {
                (0..rng.usize(0..4)).map(|_| rng.usize(0..nodes)).collect()
            };
            let graph: Vec<Vec<usize>> = (0..nodes).map(|_| edges(&mut rng)).collect();
            let reach = reachability(&graph);
            let found = components(0, &graph);
            let mut before = BTreeSet::new();
            for component in found {
                for &node in &component {
                    let mutual: BTreeSet<usize> = reach[node]
                        .iter()
                        .copied()
                        .filter(|other| reach[*other].contains(&node))
                        .collect();
                    assert_eq!(component, mutual, "{graph:?}");
                    let others = reach[node].difference(&component).copied();
                    assert!(
                        others.into_iter().all(|other| before.contains(&other)),
                        "{graph:?}"
                    );
                }
                before.extend(component);
            }
            assert_eq!(before, reach[0], "{graph:?}");
        }
    }

    #[test]
    fn a_path_of_a_million_nodes_does_not_overflow_the_stack() {
        let last = 1_000_000;
        let mut components = Components::new();
        components.begin(0, vec![1]);
        let edges =
            |node: u32| Ok::<_, Infallible>(if node < last { vec![node + 1] } else { vec![] });
        let mut found = std::iter::from_fn(|| components.next(edges).expect("edges never fail"));
        assert_eq!(found.next(), Some(vec![last]));
        assert_eq!(found.count(), last as usize);
    }
}
