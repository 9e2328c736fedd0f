//! Picking a quorum.

use crate::rule::Rule;
use crate::{NodeSet, QuorumSystem, Quorums};

/// What a set of nodes costs: first its most expensive node, then how many there are.
type Cost = (u64, usize);

impl<N: Ord> Quorums<N> {
    /// Picks a quorum whose most expensive node is cheap, of nodes for which `cost` gives a cost. `None` if they include no
    /// quorum.
    ///
    /// With latencies as costs, it is the quorum that answers first; with random numbers, any quorum. The choice is the
    /// best if no node is needed in two places of the system, as in `a & b | a & c`, and good otherwise.
    ///
    /// ```
    /// use gorums_quorum::{QuorumSystem, Quorums};
    ///
    /// let system = Quorums::row([[1, 2], [3, 4]])?;
    /// let latency = |node: &i32| (*node != 3).then_some(*node as u64);
    /// let picked = system.pick(latency).unwrap();
    /// assert_eq!(system.universe().nodes(&picked).collect::<Vec<_>>(), [&1, &2]);
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    pub fn pick(&self, mut cost: impl FnMut(&N) -> Option<u64>) -> Option<NodeSet> {
        let costs: Vec<Option<u64>> = self.universe().iter().map(&mut cost).collect();
        let (_, mut picked) = cheapest(self.rule(), &costs)?;
        // What was picked for one part may do for another.
        let mut order: Vec<usize> = picked.iter().collect();
        order.sort_by_key(|&position| std::cmp::Reverse(costs[position]));
        for position in order {
            picked.remove(position);
            if !self.is_quorum(&picked) {
                picked.insert(position);
            }
        }
        Some(picked)
    }
}

fn cheapest(rule: &Rule, costs: &[Option<u64>]) -> Option<(Cost, NodeSet)> {
    match rule {
        Rule::Nodes { least, of } => {
            let mut nodes: Vec<(u64, usize)> = of
                .iter()
                .filter_map(|position| Some((costs[position]?, position)))
                .collect();
            nodes.sort_unstable();
            let picked = nodes.get(..*least)?;
            let cost = picked.last().map_or(0, |(cost, _)| *cost);
            let set = picked.iter().map(|(_, position)| *position).collect();
            Some(((cost, *least), set))
        }
        Rule::Weights { least, of } => {
            let mut nodes: Vec<_> = of
                .iter()
                .filter_map(|node| Some((costs[node.position]?, node)))
                .collect();
            nodes.sort_unstable_by_key(|(cost, node)| (*cost, std::cmp::Reverse(node.weight)));
            let (mut weight, mut most, mut set) = (0, 0, NodeSet::new());
            for (cost, node) in nodes {
                if weight >= *least {
                    break;
                }
                weight += u128::from(node.weight);
                most = cost;
                set.insert(node.position);
            }
            (weight >= *least).then(|| ((most, set.len()), set))
        }
        Rule::Rules { least, of } => {
            let mut sets: Vec<(Cost, NodeSet)> =
                of.iter().filter_map(|rule| cheapest(rule, costs)).collect();
            sets.sort_by_key(|(cost, _)| *cost);
            let (mut most, mut all) = (0, NodeSet::new());
            for ((cost, _), set) in sets.get(..*least)? {
                most = most.max(*cost);
                all.extend_from(set);
            }
            Some(((most, all.len()), all))
        }
    }
}
