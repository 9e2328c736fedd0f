//! The positions of the replicas, and which of them form a quorum.

use std::fmt;
use std::str::FromStr;

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{QuorumError, Quorums, ReadWrite};

/// Replicas in rows and columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    rows: u32,
    columns: u32,
}

/// A replica's position; rows and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Position {
    pub(crate) row: u32,
    pub(crate) column: u32,
}

impl Grid {
    pub(crate) fn new(rows: u32, columns: u32) -> Self {
        Self { rows, columns }
    }

    pub(crate) fn rows(self) -> impl Iterator<Item = u32> {
        1..=self.rows
    }

    pub(crate) fn columns(self) -> impl Iterator<Item = u32> {
        1..=self.columns
    }

    /// All positions, row by row.
    pub(crate) fn positions(self) -> impl Iterator<Item = Position> {
        self.rows()
            .flat_map(move |row| self.columns().map(move |column| Position { row, column }))
    }

    pub(crate) fn contains(self, position: Position) -> bool {
        (1..=self.rows).contains(&position.row) && (1..=self.columns).contains(&position.column)
    }

    /// The id of the node at a position of the grid.
    pub(crate) fn node(self, position: Position) -> NodeId {
        NodeId::new((position.row - 1) * self.columns + position.column)
    }

    /// The quorums: reads take a whole row, and writes a whole column. Every row crosses every column.
    pub(crate) fn quorums(self) -> Result<ReadWrite<NodeId>, QuorumError> {
        let node = move |row, column| self.node(Position { row, column });
        let row = |row| self.columns().map(move |column| node(row, column));
        let column = |column| self.rows().map(move |row| node(row, column));
        ReadWrite::new(
            Quorums::row(self.rows().map(row))?,
            Quorums::row(self.columns().map(column))?,
        )
    }
}

/// `2 x 3 replicas`
impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} replicas", self.rows, self.columns)
    }
}

/// `1,2`
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.row, self.column)
    }
}

/// The text is not a position.
#[derive(Debug, thiserror::Error)]
#[error("give a row and a column, as in 1,2")]
pub(crate) struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (row, column) = text.split_once(',').ok_or(NoPosition)?;
        Ok(Self {
            row: row.parse().map_err(|_| NoPosition)?,
            column: column.parse().map_err(|_| NoPosition)?,
        })
    }
}
