//! The quorum functions.

use gorums_runtime::Replies;

use crate::grid::{Grid, Position};
use crate::proto::register_gorums::RegisterQuorumSpec;
use crate::proto::{ReadResponse, WriteResponse};

impl RegisterQuorumSpec for Grid {
    /// The newest state of the first row that has replied completely.
    fn read_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
        let replied = replies.messages().map(|reply| Position {
            row: reply.row,
            column: reply.column,
        });
        let row = self.whole_row(&replied.collect())?;
        let timestamp = |reply: &ReadResponse| reply.state.as_ref().map(|state| state.timestamp);
        replies.take_max_by_key(|reply| (reply.row == row, timestamp(reply)))
    }

    /// A reply of the first column that has replied completely: one that rejected the write, if there is one.
    fn write_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        let replied = replies.messages().map(|reply| Position {
            row: reply.row,
            column: reply.column,
        });
        let column = self.whole_column(&replied.collect())?;
        replies.take_min_by_key(|reply| (reply.column != column, reply.new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::State;

    const SQUARE: (u32, u32) = (3, 3);
    const WIDE: (u32, u32) = (2, 3);
    const TALL: (u32, u32) = (3, 2);

    /// The row, timestamp and value that a read returns after these replies (row, column, timestamp).
    fn read(
        (rows, columns): (u32, u32),
        replies: &[(u32, u32, i64)],
    ) -> Option<(u32, i64, String)> {
        let grid = Grid::new(rows, columns);
        let replies = replies.iter().map(|&(row, column, timestamp)| {
            let state = State {
                value: format!("written at {timestamp}"),
                timestamp,
            };
            let reply = ReadResponse {
                row,
                column,
                state: Some(state),
            };
            (grid.node(Position { row, column }), reply)
        });
        let decided = grid.read_qf(&mut replies.collect())?;
        let state = decided.state.expect("as it was sent");
        Some((decided.row, state.timestamp, state.value))
    }

    /// The column and `new` that a write returns after these replies (row, column, new).
    fn write((rows, columns): (u32, u32), replies: &[(u32, u32, bool)]) -> Option<(u32, bool)> {
        let grid = Grid::new(rows, columns);
        let replies = replies.iter().map(|&(row, column, new)| {
            let reply = WriteResponse { row, column, new };
            (grid.node(Position { row, column }), reply)
        });
        let decided = grid.write_qf(&mut replies.collect())?;
        Some((decided.column, decided.new))
    }

    fn found(row: u32, timestamp: i64) -> Option<(u32, i64, String)> {
        Some((row, timestamp, format!("written at {timestamp}")))
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
        assert_eq!(read(SQUARE, &best), found(2, 42));
        let worst = [
            (1, 1, 1),
            (1, 2, 2),
            (2, 1, 2),
            (2, 3, 3),
            (3, 1, 3),
            (3, 2, 42),
            (3, 3, 41),
        ];
        assert_eq!(read(SQUARE, &worst), found(3, 42));
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
        assert_eq!(write(SQUARE, &best), Some((3, true)));
        let refused = [(1, 3, true), (2, 3, false), (3, 3, true)];
        assert_eq!(write(SQUARE, &refused), Some((3, false)));
        let worst = [
            (1, 1, false),
            (2, 1, false),
            (1, 2, false),
            (3, 2, false),
            (1, 3, true),
            (2, 3, true),
            (3, 3, true),
        ];
        assert_eq!(write(SQUARE, &worst), Some((3, true)));
    }

    #[test]
    fn a_row_is_as_long_as_there_are_columns_and_a_column_as_there_are_rows() {
        assert_eq!(read(WIDE, &[(1, 1, 1), (1, 2, 2)]), None);
        assert_eq!(read(WIDE, &[(1, 1, 1), (1, 2, 2), (1, 3, 1)]), found(1, 2));
        assert_eq!(read(TALL, &[(3, 1, 1), (3, 2, 2)]), found(3, 2));
        assert_eq!(write(TALL, &[(1, 1, true), (2, 1, true)]), None);
        let column = [(1, 1, true), (2, 1, true), (3, 1, true)];
        assert_eq!(write(TALL, &column), Some((1, true)));
        assert_eq!(write(WIDE, &column[..2]), Some((1, true)));
    }

    #[test]
    fn a_single_row_or_column_is_a_grid() {
        assert_eq!(read((1, 3), &[(1, 1, 1), (1, 3, 1)]), None);
        assert_eq!(
            read((1, 3), &[(1, 1, 1), (1, 3, 7), (1, 2, 3)]),
            found(1, 7)
        );
        assert_eq!(write((1, 3), &[(1, 2, true)]), Some((2, true)));
        assert_eq!(read((3, 1), &[(2, 1, 5)]), found(2, 5));
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
