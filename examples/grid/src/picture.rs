//! The grid after a call, as text.

use std::fmt;

use gorums_runtime::NodeId;

use crate::grid::{Grid, Position};

/// The legend of a [`Picture`].
pub(crate) const LEGEND: &str = "Q: in the quorum   +: replied as well   x: down";

/// A grid that shows the quorum of a call.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) grid: Grid,
    pub(crate) quorum: Quorum,
    /// The nodes that had replied when the call was decided.
    pub(crate) replied: Vec<NodeId>,
    pub(crate) down: &'a [Position],
}

/// The replicas that decided a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quorum {
    Row(u32),
    Column(u32),
}

impl Quorum {
    fn contains(self, position: Position) -> bool {
        match self {
            Self::Row(row) => position.row == row,
            Self::Column(column) => position.column == column,
        }
    }
}

impl Picture<'_> {
    fn mark(&self, position: Position) -> char {
        if self.quorum.contains(position) {
            'Q'
        } else if self.replied.contains(&self.grid.node(position)) {
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

    #[test]
    fn the_quorum_the_other_replies_and_the_replicas_that_are_down_are_marked() {
        let grid = Grid::new(2, 10);
        let picture = Picture {
            grid,
            quorum: Quorum::Column(9),
            replied: [(1, 9), (2, 9), (2, 10)]
                .map(|(row, column)| grid.node(Position { row, column }))
                .to_vec(),
            down: &[Position { row: 1, column: 1 }],
        };
        let drawn = [
            "       1   2   3   4   5   6   7   8   9  10",
            "   1   x   .   .   .   .   .   .   .   Q   .",
            "   2   .   .   .   .   .   .   .   .   Q   +",
        ];
        assert_eq!(picture.to_string(), drawn.join("\n"));
    }

    #[test]
    fn a_row_is_marked_as_a_whole() {
        let picture = Picture {
            grid: Grid::new(1, 2),
            quorum: Quorum::Row(1),
            replied: Vec::new(),
            down: &[],
        };
        assert_eq!(picture.to_string(), "       1   2\n   1   Q   Q");
    }
}
