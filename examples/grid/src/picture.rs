//! The grid after a call, as text.

use std::fmt;

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{QuorumSystem, Quorums};

use crate::grid::{Grid, Position};

/// The legend of a [`Picture`].
pub(crate) const LEGEND: &str = "Q: in the quorum   +: replied as well   x: down";

/// A grid that shows the quorum of a call.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) grid: Grid,
    /// The nodes of a quorum that had replied.
    pub(crate) quorum: Vec<NodeId>,
    /// The nodes that had replied when the call was decided.
    pub(crate) replied: Vec<NodeId>,
    pub(crate) down: &'a [Position],
}

impl<'a> Picture<'a> {
    /// The picture of a call that was decided when `replied` had replied, which include one of `quorums`.
    pub(crate) fn of(
        grid: Grid,
        quorums: &Quorums<NodeId>,
        replied: Vec<NodeId>,
        down: &'a [Position],
    ) -> Self {
        let picked = quorums.pick(|node| replied.contains(node).then_some(0));
        let picked = picked.unwrap_or_default();
        Self {
            quorum: quorums.universe().nodes(&picked).copied().collect(),
            grid,
            replied,
            down,
        }
    }

    fn mark(&self, position: Position) -> char {
        let node = self.grid.node(position);
        if self.quorum.contains(&node) {
            'Q'
        } else if self.replied.contains(&node) {
            '+'
        } else if self.down.contains(&position) {
            'x'
        } else {
            '.'
        }
    }
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    ")?;
        for column in self.grid.columns() {
            write!(f, "{column:>4}")?;
        }
        for row in self.grid.rows() {
            write!(f, "\n{row:>4}")?;
            for column in self.grid.columns() {
                write!(f, "{:>4}", self.mark(Position { row, column }))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(
        grid: Grid,
        quorums: &Quorums<NodeId>,
        replied: &[(u32, u32)],
        down: &[Position],
    ) -> String {
        let node = |&(row, column): &(u32, u32)| grid.node(Position { row, column });
        let replied = replied.iter().map(node).collect();
        Picture::of(grid, quorums, replied, down).to_string()
    }

    #[test]
    fn the_quorum_the_other_replies_and_the_replicas_that_are_down_are_marked() {
        let grid = Grid::new(2, 10);
        let quorums = grid.quorums().expect("rows cross columns");
        let down = [Position { row: 1, column: 1 }];
        let picture = picture(grid, quorums.writes(), &[(1, 9), (2, 9), (2, 10)], &down);
        let drawn = [
            "       1   2   3   4   5   6   7   8   9  10",
            "   1   x   .   .   .   .   .   .   .   Q   .",
            "   2   .   .   .   .   .   .   .   .   Q   +",
        ];
        assert_eq!(picture, drawn.join("\n"));
    }

    #[test]
    fn a_row_is_marked_as_a_whole() {
        let grid = Grid::new(1, 2);
        let quorums = grid.quorums().expect("rows cross columns");
        let picture = picture(grid, quorums.reads(), &[(1, 1), (1, 2)], &[]);
        assert_eq!(picture, "       1   2\n   1   Q   Q");
    }
}
