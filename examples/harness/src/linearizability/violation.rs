//! What a history that is not linearizable is reported with.

use std::fmt::{self, Debug, Display, Formatter};

use super::search::{Stuck, Verdict};
use super::{EntryOf, Specification};

/// How many operations of the longest linearization are shown.
const SHOWN: usize = 8;

/// The operations that show that a history is not linearizable. `Display` writes them as a table.
#[derive(Debug)]
pub struct Violation {
    key: String,
    operation: usize,
    concurrent: Vec<usize>,
    linearization: Vec<usize>,
    before: Vec<Row>,
    around: Vec<Row>,
}

impl Violation {
    /// `last` is the index of the operation whose return ends the smallest prefix, and `entries` are those of the key.
    pub(super) fn new<S: Specification>(
        key: &S::Key,
        history: &[EntryOf<S>],
        entries: &[(usize, &EntryOf<S>)],
        last: usize,
        stuck: Stuck<S::State>,
    ) -> Self {
        let until = returned_at::<S>(&history[last]);
        let invoked = history[last].invoked;
        let around = entries
            .iter()
            .filter(|(_, entry)| entry.invoked <= until && returned_at::<S>(entry) >= invoked);
        let around: Vec<_> = around.map(|(index, _)| *index).collect();
        let linearization = stuck.linearization;
        let shown = &linearization[linearization.len().saturating_sub(SHOWN)..];
        let row = |index, state| Row::new::<S>(index, &history[index], index == last, state);
        Self {
            key: format!("{key:?}"),
            operation: last,
            before: shown
                .iter()
                .map(|(index, state)| row(*index, Some(state)))
                .collect(),
            around: around.iter().map(|index| row(*index, None)).collect(),
            concurrent: around.into_iter().filter(|index| *index != last).collect(),
            linearization: linearization.into_iter().map(|(index, _)| index).collect(),
        }
    }

    /// The key whose operations are not linearizable, as `Debug` writes it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operation whose return ends the smallest prefix that is not linearizable. This and the other numbers are indices
    /// in the history's [`entries`](crate::history::History::entries).
    ///
    /// The prefix may be longer than the smallest one if the checker could not decide shorter ones.
    pub fn operation(&self) -> usize {
        self.operation
    }

    /// The operations on the same key that were concurrent with it, in the order of their invocations.
    pub fn concurrent(&self) -> &[usize] {
        &self.concurrent
    }

    /// The linearization that got furthest: it has all operations that returned before some point of the history, and the
    /// checker found none for a later point.
    pub fn linearization(&self) -> &[usize] {
        &self.linearization
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let header = Row {
            is_marked: false,
            cells: [
                "#",
                "client",
                "invoked",
                "returned",
                "operation",
                "outcome",
                "state",
            ]
            .map(str::to_owned),
        };
        let rows = [&header]
            .into_iter()
            .chain(&self.before)
            .chain(&self.around);
        let mut widths = [0; COLUMNS];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        writeln!(f, "key {}", self.key)?;
        writeln!(f, "The last operations of the longest linearization found:")?;
        header.write(f, &widths)?;
        for row in &self.before {
            row.write(f, &widths)?;
        }
        write!(
            f,
            "No linearization has the operation marked with >, among those concurrent with it:"
        )?;
        for row in &self.around {
            writeln!(f)?;
            row.write_cells(f, &widths)?;
        }
        Ok(())
    }
}

const COLUMNS: usize = 7;

/// The columns before this one are numbers.
const NUMBERS: usize = 4;

/// A row of the table.
#[derive(Debug)]
struct Row {
    is_marked: bool,
    cells: [String; COLUMNS],
}

impl Row {
    fn new<S: Specification>(
        index: usize,
        entry: &EntryOf<S>,
        is_marked: bool,
        state: Option<&S::State>,
    ) -> Self {
        let returned = entry.returned.as_ref();
        let or_none = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
        Self {
            is_marked,
            cells: [
                index.to_string(),
                entry.client.to_string(),
                entry.invoked.to_string(),
                or_none(returned.map(|returned| returned.at.to_string())),
                text(&entry.operation),
                or_none(returned.map(|returned| text(&returned.outcome))),
                state.map(text).unwrap_or_default(),
            ],
        }
    }

    fn write(&self, f: &mut Formatter<'_>, widths: &[usize; COLUMNS]) -> fmt::Result {
        self.write_cells(f, widths)?;
        writeln!(f)
    }

    fn write_cells(&self, f: &mut Formatter<'_>, widths: &[usize; COLUMNS]) -> fmt::Result {
        let mut line = String::from(if self.is_marked { ">" } else { " " });
        for (column, (cell, &width)) in self.cells.iter().zip(widths).enumerate() {
            line.push_str(if column == 0 { " " } else { "  " });
            line.push_str(&match column {
                ..NUMBERS => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
        }
        f.write_str(line.trim_end())
    }
}

fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn returned_at<S: Specification>(entry: &EntryOf<S>) -> u64 {
    let returned = entry.returned.as_ref();
    returned.map_or(u64::MAX, |returned| returned.at)
}

/// The index of the operation whose return ends the smallest prefix that is not linearizable, and where the search in it
/// got stuck.
///
/// The search in the whole history can get stuck earlier, because it knows outcomes that the prefix does not have yet.
pub(super) fn smallest_prefix<S: Specification>(
    entries: &[(usize, &EntryOf<S>)],
    mut stuck: Stuck<S::State>,
    search: impl Fn(u64) -> Verdict<S::State>,
) -> (usize, Stuck<S::State>) {
    let returned = entries.iter().filter(|(_, entry)| entry.returned.is_some());
    let mut returned: Vec<_> = returned
        .map(|(index, entry)| (returned_at::<S>(entry), *index))
        .collect();
    returned.sort_unstable();
    // A prefix of a linearizable history is linearizable, so bisection finds the border. It is usually close to the low end.
    let (mut low, mut high) = (stuck.frontier, returned.len() - 1);
    let mut distance = 0;
    while low < high {
        let probe = low.midpoint(high).min(low + distance);
        match search(returned[probe].0) {
            Verdict::Stuck(earlier) => {
                high = probe;
                stuck = earlier;
            }
            Verdict::Linearizable | Verdict::Undecided => {
                low = probe + 1;
                distance = 2 * distance + 1;
            }
        }
    }
    (returned[high].1, stuck)
}
