//! Aligned tables.

/// Rows of cells.
pub(super) type Rows = Vec<Vec<String>>;

/// At which side of a column its cells are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The rows as lines. Columns without an alignment are aligned at the right.
pub(super) fn aligned(rows: &Rows, columns: &[Align]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row: &Vec<String>| row.get(column));
        cells.map(|cell: &String| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).filter_map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| match columns.get(column) {
            Some(Align::Left) => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_and_lines_end_without_blanks() {
        let rows = [["a", "1", "x"], ["äöü", "12", ""]];
        let rows = rows.map(|row| row.map(str::to_string).to_vec()).to_vec();
        let expected = "a     1  x\näöü  12\n";
        assert_eq!(
            aligned(&rows, &[Align::Left, Align::Right, Align::Left]),
            expected
        );
    }
}
