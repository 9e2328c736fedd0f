//! All quorum systems in which each node is needed in one place.

use std::ops::ControlFlow;

/// A tree of thresholds. Nodes that can do the same are of one class, and not told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tree {
    /// A node of the class.
    Node(usize),
    /// At least `least` of at least two trees.
    Choose { least: usize, of: Vec<Tree> },
}

impl Tree {
    /// How often thresholds are nested.
    pub(crate) fn height(&self) -> usize {
        match self {
            Self::Node(_) => 0,
            Self::Choose { of, .. } => 1 + of.iter().map(Self::height).max().unwrap_or_default(),
        }
    }

    /// How many nodes the smallest quorum has.
    pub(crate) fn smallest(&self) -> usize {
        self.sum_of_smallest(|least, _| least)
    }

    /// How many nodes the smallest quorum of the dual has.
    pub(crate) fn smallest_of_dual(&self) -> usize {
        self.sum_of_smallest(|least, of| of + 1 - least)
    }

    fn sum_of_smallest(&self, needed: fn(usize, usize) -> usize) -> usize {
        match self {
            Self::Node(_) => 1,
            Self::Choose { least, of } => {
                let sizes = of.iter().map(|tree| tree.sum_of_smallest(needed));
                let mut sizes: Vec<usize> = sizes.collect();
                sizes.sort_unstable();
                sizes.iter().take(needed(*least, of.len())).sum()
            }
        }
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Choose { least: 1, .. })
    }

    fn is_all(&self) -> bool {
        matches!(self, Self::Choose { least, of } if *least == of.len())
    }
}

type Visit<'a> = dyn FnMut(&Tree) -> ControlFlow<()> + 'a;

/// The enumeration of trees.
pub(crate) struct Trees<'a> {
    /// Whether to end the enumeration.
    pub(crate) is_over: &'a dyn Fn() -> bool,
}

impl Trees<'_> {
    /// Visits each tree over as many nodes of each class as `bag` has, once, with the least nested trees first. Trees that
    /// have the same quorums are one.
    pub(crate) fn each(&self, bag: &[usize], visit: &mut Visit<'_>) -> ControlFlow<()> {
        let nodes: usize = bag.iter().sum();
        for height in 0..nodes.max(1) {
            self.up_to(bag, height, &mut |tree| match tree.height() == height {
                true => visit(tree),
                false => ControlFlow::Continue(()),
            })?;
        }
        ControlFlow::Continue(())
    }

    /// Visits the trees that are not higher.
    fn up_to(&self, bag: &[usize], height: usize, visit: &mut Visit<'_>) -> ControlFlow<()> {
        if (self.is_over)() {
            return ControlFlow::Break(());
        }
        let nodes: usize = bag.iter().sum();
        match (nodes, height) {
            (0, _) => ControlFlow::Continue(()),
            (1, _) => {
                let class = bag.iter().position(|&count| count > 0);
                visit(&Tree::Node(class.unwrap_or_default()))
            }
            (_, 0) => ControlFlow::Continue(()),
            // Only nodes are low enough.
            (_, 1) => {
                let classes = bag.iter().enumerate().rev();
                let of = classes.flat_map(|(class, &count)| vec![Tree::Node(class); count]);
                chosen(&of.collect::<Vec<_>>(), visit)
            }
            _ => self.partitions(&mut bag.to_vec(), None, &mut Vec::new(), &mut |parts| {
                self.products(parts, height - 1, &mut Vec::new(), visit)
            }),
        }
    }

    /// Visits each split of `rest` into two or more parts, the greatest first.
    fn partitions(
        &self,
        rest: &mut Vec<usize>,
        last: Option<&[usize]>,
        parts: &mut Vec<Vec<usize>>,
        visit: &mut dyn FnMut(&[Vec<usize>]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(first) = rest.iter().position(|&count| count > 0) else {
            return visit(parts);
        };
        // It has a node of the first class that is left, or a later part would be greater.
        let mut part = vec![0; rest.len()];
        part[first] = 1;
        loop {
            let is_whole = parts.is_empty() && part == *rest;
            if !is_whole && last.is_none_or(|last| part.as_slice() <= last) {
                take(rest, &part);
                parts.push(part.clone());
                self.partitions(rest, Some(&part), parts, visit)?;
                parts.pop();
                give(rest, &part);
            }
            if !advance(&mut part, rest, first) {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Visits each choice of a tree for each part. Of equal parts, the trees are in ascending order.
    fn products(
        &self,
        parts: &[Vec<usize>],
        height: usize,
        trees: &mut Vec<Tree>,
        visit: &mut Visit<'_>,
    ) -> ControlFlow<()> {
        let at = trees.len();
        let Some(part) = parts.get(at) else {
            return chosen(trees, visit);
        };
        let is_same = at > 0 && parts[at - 1] == *part;
        self.up_to(part, height, &mut |tree| {
            if is_same && trees.last().is_some_and(|last| tree < last) {
                return match (self.is_over)() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                };
            }
            trees.push(tree.clone());
            let end = self.products(parts, height, trees, visit);
            trees.pop();
            end
        })
    }
}

/// Visits each threshold of the trees. `a | (b | c)` is left out, as it is the same as `a | b | c`; so is `a & (b & c)`.
fn chosen(of: &[Tree], visit: &mut Visit<'_>) -> ControlFlow<()> {
    for least in 1..=of.len() {
        let is_flatter = (least == 1 && of.iter().any(Tree::is_any))
            || (least == of.len() && of.iter().any(Tree::is_all));
        if !is_flatter {
            let of = of.to_vec();
            visit(&Tree::Choose { least, of })?;
        }
    }
    ControlFlow::Continue(())
}

fn take(rest: &mut [usize], part: &[usize]) {
    for (rest, part) in rest.iter_mut().zip(part) {
        *rest -= part;
    }
}

fn give(rest: &mut [usize], part: &[usize]) {
    for (rest, part) in rest.iter_mut().zip(part) {
        *rest += part;
    }
}

/// The next part of `most`, with at least one of the class `first`. Returns whether there is one.
fn advance(part: &mut [usize], most: &[usize], first: usize) -> bool {
    for class in (first..part.len()).rev() {
        if part[class] < most[class] {
            part[class] += 1;
            return true;
        }
        part[class] = usize::from(class == first);
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(bag: &[usize]) -> Vec<Tree> {
        let mut trees = Vec::new();
        let never = || false;
        let end = Trees { is_over: &never }.each(bag, &mut |tree| {
            trees.push(tree.clone());
            ControlFlow::Continue(())
        });
        assert!(end.is_continue());
        trees
    }

    /// Which sets of nodes are quorums, as bits. The nodes of a class get ascending numbers.
    fn quorums(tree: &Tree, nodes: usize) -> Vec<bool> {
        fn holds(tree: &Tree, set: usize) -> bool {
            match tree {
                Tree::Node(node) => set >> node & 1 == 1,
                Tree::Choose { least, of } => {
                    of.iter().filter(|tree| holds(tree, set)).count() >= *least
                }
            }
        }
        (0..1 << nodes).map(|set| holds(tree, set)).collect()
    }

    #[test]
    fn trees_of_different_nodes_have_different_quorums() {
        for (nodes, expected) in [(1, 1), (2, 2), (3, 9), (4, 74), (5, 885)] {
            let trees = all(&vec![1; nodes]);
            let distinct: BTreeSet<_> = trees.iter().map(|tree| quorums(tree, nodes)).collect();
            assert_eq!((trees.len(), distinct.len()), (expected, expected));
        }
    }

    #[test]
    fn nodes_that_can_do_the_same_are_not_told_apart() {
        // All three; two; one; `a | b & c` and `a & (b | c)`.
        assert_eq!(all(&[3]).len(), 5);
        let trees = all(&[2, 2]);
        let distinct: BTreeSet<_> = trees.iter().collect();
        assert_eq!(trees.len(), distinct.len());
    }

    #[test]
    fn low_trees_come_first() {
        let heights: Vec<usize> = all(&[1; 5]).iter().map(Tree::height).collect();
        assert!(heights.is_sorted());
    }

    #[test]
    fn an_enumeration_ends_when_it_is_over() {
        let over = || true;
        let end = Trees { is_over: &over }.each(&[1; 40], &mut |_| ControlFlow::Continue(()));
        assert!(end.is_break());
    }
}
