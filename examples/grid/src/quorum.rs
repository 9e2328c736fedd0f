//! The quorum functions.

use gorums_runtime::quorum::ReadWrite;
use gorums_runtime::{NodeId, Replies};
use grid_proto::grid::register_gorums::RegisterQuorumSpec;
use grid_proto::grid::{State, WriteResponse};

/// Reads and writes that are decided by the quorums of a grid.
#[derive(Debug)]
pub(crate) struct GridQuorums(pub(crate) ReadWrite<NodeId>);

impl RegisterQuorumSpec for GridQuorums {
    /// The newest state, once a row has replied completely.
    fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        if !replies.form(self.0.reads()) {
            return None;
        }
        replies.take_max_by_key(|state| state.timestamp)
    }

    /// A reply, once a column has replied completely: one that rejected the write, if there is one.
    fn write_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        if !replies.form(self.0.writes()) {
            return None;
        }
        replies.take_min_by_key(|reply| reply.new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Grid, Position};

    const SQUARE: (u32, u32) = (3, 3);
    const WIDE: (u32, u32) = (2, 3);
    const TALL: (u32, u32) = (3, 2);

    fn quorums((rows, columns): (u32, u32)) -> (Grid, GridQuorums) {
        let grid = Grid::new(rows, columns);
        (
            grid,
            GridQuorums(grid.quorums().expect("rows cross columns")),
        )
    }

    /// The node in a row and a column; one outside of the grid has an id that no node has.
    fn node(grid: Grid, row: u32, column: u32) -> NodeId {
        let position = Position { row, column };
        match grid.contains(position) {
            true => grid.node(position),
            false => NodeId::new(u32::MAX),
        }
    }

    /// The timestamp that a read returns after these replies (row, column, timestamp).
    fn read(size: (u32, u32), replies: &[(u32, u32, i64)]) -> Option<i64> {
        let (grid, quorums) = quorums(size);
        let replies = replies.iter().map(|&(row, column, timestamp)| {
            let value = format!("written at {timestamp}");
            (node(grid, row, column), State { value, timestamp })
        });
        let decided = quorums.read_qf(&mut replies.collect())?;
        assert_eq!(decided.value, format!("written at {}", decided.timestamp));
        Some(decided.timestamp)
    }

    /// The `new` that a write returns after these replies (row, column, new).
    fn write(size: (u32, u32), replies: &[(u32, u32, bool)]) -> Option<bool> {
        let (grid, quorums) = quorums(size);
        let replies = replies.iter();
        let replies =
            replies.map(|&(row, column, new)| (node(grid, row, column), WriteResponse { new }));
        let decided = quorums.write_qf(&mut replies.collect())?;
        Some(decided.new)
    }

    #[test]
    fn without_a_whole_row_a_read_waits() {
        let undecided: [&[(u32, u32, i64)]; 8] = [
            &[],
            &[(1, 1, 1)],
            &[(1, 1, 1), (1, 2, 1)],
            &[(1, 1, 1), (2, 2, 1), (3, 3, 1)],
            &[(1, 1, 1), (1, 2, 1), (2, 1, 1), (3, 3, 1)],
            &[
                (1, 1, 1),
                (1, 2, 1),
                (2, 1, 1),
                (2, 2, 1),
                (3, 1, 1),
                (3, 2, 1),
            ],
            // A column is not a row.
            &[(1, 2, 1), (2, 2, 1), (3, 2, 1)],
            // Three replies of one replica are not a row, nor is a reply from outside the grid.
            &[(1, 1, 1), (1, 1, 1), (1, 2, 1), (1, 4, 1)],
        ];
        for replies in undecided {
            assert_eq!(read(SQUARE, replies), None, "{replies:?}");
        }
    }

    #[test]
    fn a_read_returns_the_newest_state_of_a_whole_row() {
        let best = [(2, 1, 2), (2, 2, 42), (2, 3, 9)];
        assert_eq!(read(SQUARE, &best), Some(42));
        let worst = [
            (1, 1, 1),
            (1, 2, 2),
            (2, 1, 2),
            (2, 3, 3),
            (3, 1, 3),
            (3, 2, 42),
            (3, 3, 41),
        ];
        assert_eq!(read(SQUARE, &worst), Some(42));
    }

    #[test]
    fn without_a_whole_column_a_write_waits() {
        let undecided: [&[(u32, u32, bool)]; 8] = [
            &[],
            &[(1, 1, true)],
            &[(1, 1, true), (2, 1, true)],
            &[(1, 1, true), (2, 2, true), (3, 3, true)],
            &[(1, 1, true), (2, 1, true), (1, 2, true), (3, 3, true)],
            &[
                (1, 1, true),
                (2, 1, true),
                (1, 2, true),
                (2, 2, true),
                (1, 3, true),
                (2, 3, true),
            ],
            // A row is not a column.
            &[(2, 1, true), (2, 2, true), (2, 3, true)],
            &[(1, 1, true), (1, 1, true), (2, 1, true), (4, 1, true)],
        ];
        for replies in undecided {
            assert_eq!(write(SQUARE, replies), None, "{replies:?}");
        }
    }

    #[test]
    fn a_write_is_new_when_a_whole_column_has_taken_it() {
        let best = [(1, 3, true), (2, 3, true), (3, 3, true)];
        assert_eq!(write(SQUARE, &best), Some(true));
        let refused = [(1, 3, true), (2, 3, false), (3, 3, true)];
        assert_eq!(write(SQUARE, &refused), Some(false));
        let worst = [
            (1, 1, false),
            (2, 1, false),
            (1, 2, false),
            (3, 2, false),
            (1, 3, true),
            (2, 3, true),
            (3, 3, true),
        ];
        // A replica that has a newer state tells so, wherever it is.
        assert_eq!(write(SQUARE, &worst), Some(false));
    }

    #[test]
    fn a_row_is_as_long_as_there_are_columns_and_a_column_as_there_are_rows() {
        assert_eq!(read(WIDE, &[(1, 1, 1), (1, 2, 2)]), None);
        assert_eq!(read(WIDE, &[(1, 1, 1), (1, 2, 2), (1, 3, 1)]), Some(2));
        assert_eq!(read(TALL, &[(3, 1, 1), (3, 2, 2)]), Some(2));
        assert_eq!(write(TALL, &[(1, 1, true), (2, 1, true)]), None);
        let column = [(1, 1, true), (2, 1, true), (3, 1, true)];
        assert_eq!(write(TALL, &column), Some(true));
        assert_eq!(write(WIDE, &column[..2]), Some(true));
    }

    #[test]
    fn a_single_row_or_column_is_a_grid() {
        assert_eq!(read((1, 3), &[(1, 1, 1), (1, 3, 1)]), None);
        assert_eq!(read((1, 3), &[(1, 1, 1), (1, 3, 7), (1, 2, 3)]), Some(7));
        assert_eq!(write((1, 3), &[(1, 2, true)]), Some(true));
        assert_eq!(read((3, 1), &[(2, 1, 5)]), Some(5));
        assert_eq!(write((3, 1), &[(1, 1, true), (2, 1, true)]), None);
    }

    #[test]
    fn every_read_quorum_has_a_replica_in_common_with_every_write_quorum() {
        for (rows, columns) in (1..=4).flat_map(|rows| (1..=3).map(move |columns| (rows, columns)))
        {
            let grid = Grid::new(rows, columns);
            let positions: Vec<Position> = grid.positions().collect();
            for chosen in 0..1_u32 << positions.len() {
                let (inside, outside): (Vec<_>, Vec<_>) = (0..)
                    .zip(&positions)
                    .partition(|(bit, _)| chosen >> bit & 1 == 1);
                let reads: Vec<_> = inside
                    .iter()
                    .map(|(_, at)| (at.row, at.column, 1))
                    .collect();
                let writes: Vec<_> = outside
                    .iter()
                    .map(|(_, at)| (at.row, at.column, true))
                    .collect();
                // A write quorum that is disjoint from these replicas would consist of the others.
                if read((rows, columns), &reads).is_some() {
                    assert_eq!(write((rows, columns), &writes), None, "{grid}: {reads:?}");
                }
            }
        }
    }
}
