//! The results as a table.

use std::fmt::Write as _;

use super::results::{Cell, Figures, Results, Row};
use super::rounds::Rounds;
use crate::compare::{Figure, Spread};
use crate::metered::Requests;

/// The figures of each system and its floor, and the ratios between them.
pub(super) fn of(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}, {} client threads; medians of {} rounds of {} ms",
        results.machine, results.client_threads, results.rounds, results.duration,
    );
    let _ = writeln!(
        text,
        "The state is in memory, or on disk in {}, with an fsync before each answer that needs it.\n\
         A floor has the same rounds of messages for each command, with handlers that do nothing and without state. It does not\n\
         batch commands, which some systems do. Messages are requests to replicas, also those to oneself.",
        results.dir.display(),
    );
    if !Requests::COUNTED {
        text.push_str("They are counted with --features metrics.\n");
    }
    add_floors(&mut text, results);
    for cell in &results.cells {
        add_cell(&mut text, cell);
    }
    text
}

/// What the floors of the systems do.
fn add_floors(text: &mut String, results: &Results) {
    let mut floors: Vec<(Rounds, Vec<&str>)> = Vec::new();
    for row in results.cells.iter().flat_map(|cell| &cell.rows) {
        match floors.iter_mut().find(|(rounds, _)| *rounds == row.rounds) {
            Some((_, systems)) if systems.contains(&&*row.system) => {}
            Some((_, systems)) => systems.push(&row.system),
            None => floors.push((row.rounds, vec![&row.system])),
        }
    }
    text.push('\n');
    for (rounds, systems) in floors {
        let _ = writeln!(text, "floor of {}:\n    {rounds}", systems.join("; "));
    }
}

fn add_cell(text: &mut String, cell: &Cell) {
    let _ = writeln!(text, "\n{}", cell.setting);
    let _ = writeln!(
        text,
        "{:<24} {:<7} {:>10} {:>10} {:>10} {:>9} {:>9} {:>11} {:>7}",
        "system",
        "state",
        "commands/s",
        "p50 us",
        "p99 us",
        "messages",
        "client us",
        "replicas us",
        "errors"
    );
    for row in &cell.rows {
        for variant in &row.variants {
            add_figures(text, &row.system, variant.state.name(), &variant.figures);
        }
        add_figures(text, "", "floor", &row.floor);
    }
    add_ratios(text, &cell.rows);
    for row in &cell.rows {
        let figures = row.variants.iter().map(|variant| &variant.figures);
        let mut errors = figures.filter_map(|it| it.summary.median.error.as_ref());
        if let Some(error) = errors.next() {
            let _ = writeln!(text, "an error of {}: {error}", row.system);
        }
    }
}

fn add_figures(text: &mut String, system: &str, state: &str, figures: &Figures) {
    let median = &figures.summary.median;
    let messages = figures.messages.map(|messages| messages.median);
    let _ = writeln!(
        text,
        "{system:<24} {state:<7} {:>10.0} {:>10.1} {:>10.1} {:>9} {:>9} {:>11} {:>7}",
        median.per_second,
        median.p50,
        median.p99,
        messages.map_or_else(|| "-".to_string(), |messages| format!("{messages:.2}")),
        microseconds(median.client_cpu),
        microseconds(median.server_cpu),
        median.errors,
    );
}

fn add_ratios(text: &mut String, rows: &[Row]) {
    let _ = write!(text, "{:<24} {:<7}", "ratio to the floor", "state");
    for figure in Figure::SHOWN {
        let _ = write!(text, " {:>20}", column(figure));
    }
    text.push('\n');
    for row in rows {
        for variant in &row.variants {
            let _ = write!(text, "{:<24} {:<7}", row.system, variant.state.name());
            for (_, ratio) in &variant.ratios {
                let _ = write!(text, " {:>20}", spread(*ratio));
            }
            text.push('\n');
        }
    }
}

/// What a figure is called here.
fn column(figure: Figure) -> &'static str {
    match figure {
        Figure::PerSecond => "commands/s",
        Figure::ServerCpu => "replica CPU",
        other => other.name(),
    }
}

fn microseconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_string(), |time| format!("{time:.1}"))
}

/// A median, and how far rounds are apart.
fn spread(ratio: Option<Spread>) -> String {
    ratio.map_or_else(
        || "-".to_string(),
        |it| format!("{:.2} ({:.2} - {:.2})", it.median, it.min, it.max),
    )
}
