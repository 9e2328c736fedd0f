//! Aligned tables.

use std::fmt::Write;

use crate::args::System;
use crate::compare::{Cell, Comparison, Figure, Ratios, SLOW, SlowCell, Spread, Summary, WAITING};
use crate::measured::Measured;
use crate::memory::Waiting;
use crate::targets::Checked;

/// The results for one system.
pub(crate) fn of_one(system: System, measured: &Measured) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<28} {value:>12}");
    };
    line("system", system.name().to_string());
    line("calls per second", format!("{:.0}", measured.per_second));
    line("latency p50, us", format!("{:.1}", measured.p50));
    line("latency p90, us", format!("{:.1}", measured.p90));
    line("latency p99, us", format!("{:.1}", measured.p99));
    line("latency p99.9, us", format!("{:.1}", measured.p999));
    line("latency max, us", format!("{:.1}", measured.max));
    line("client CPU per call, us", some(measured.client_cpu));
    line("servers' CPU per call, us", some(measured.server_cpu));
    line("allocations per call", some(measured.allocations));
    line("client's peak memory, MiB", mebibytes(measured.peak_memory));
    line("calls", measured.calls.to_string());
    line("errors", measured.errors.to_string());
    if let Some(error) = &measured.error {
        let _ = writeln!(text, "an error: {error}");
    }
    text
}

/// What was measured of calls that wait.
pub(super) fn of_waiting(system: System, waiting: &Waiting) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<32} {value:>12}");
    };
    line("system", system.name().to_string());
    line("calls that wait", waiting.calls.to_string());
    line(
        "resident, B per call and node",
        format!("{:.0}", waiting.resident),
    );
    line("allocated, B per call and node", whole(waiting.allocated));
    line("peak memory, MiB", mebibytes(waiting.peak_memory));
    text
}

/// The results for all systems.
pub(crate) fn of_all(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}, {} client threads; medians of {} rounds of {} ms\n\
         the measuring itself takes {} us of client CPU per call, which is in all figures",
        comparison.machine,
        comparison.client_threads,
        comparison.rounds,
        comparison.duration,
        comparison
            .own_cpu
            .map_or_else(|| "-".to_string(), |cpu| format!("{cpu:.2}")),
    );
    for cell in &comparison.cells {
        add_cell(&mut text, cell);
    }
    for cell in &comparison.slow {
        add_slow(&mut text, cell);
    }
    if !comparison.waiting.is_empty() {
        add_waiting(&mut text, &comparison.waiting);
    }
    if !comparison.targets.is_empty() {
        add_targets(&mut text, &comparison.targets);
    }
    if !comparison.notes.is_empty() {
        text.push('\n');
    }
    for note in &comparison.notes {
        let _ = writeln!(text, "{note}");
    }
    text
}

fn add_cell(text: &mut String, cell: &Cell) {
    let _ = writeln!(text, "\n{}", title(cell));
    let _ = writeln!(
        text,
        "{:<14} {:>9} {:>17} {:>9} {:>17} {:>9} {:>8} {:>8} {:>7} {:>8} {:>7}",
        "system",
        "calls/s",
        "min - max",
        "p50 us",
        "min - max",
        "p99 us",
        "cpu us",
        "srv us",
        "allocs",
        "peak MiB",
        "errors"
    );
    for (system, summary) in &cell.systems {
        let Summary {
            median, min, max, ..
        } = summary;
        let _ = writeln!(
            text,
            "{:<14} {:>9.0} {:>17} {:>9.1} {:>17} {:>9.1} {:>8} {:>8} {:>7} {:>8} {:>7}",
            system.name(),
            median.per_second,
            format!("{:.0} - {:.0}", min.per_second, max.per_second),
            median.p50,
            format!("{:.0} - {:.0}", min.p50, max.p50),
            median.p99,
            some(median.client_cpu),
            some(median.server_cpu),
            some(median.allocations),
            mebibytes(median.peak_memory),
            median.errors,
        );
    }
    add_ratios(text, &cell.ratios);
    let errors = cell.systems.iter().filter_map(|(system, summary)| {
        let error = summary.median.error.as_ref()?;
        Some(format!("{}: {error}", system.name()))
    });
    for error in errors {
        let _ = writeln!(text, "first error of {error}");
    }
}

fn add_ratios(text: &mut String, ratios: &[Ratios]) {
    if ratios.is_empty() {
        return;
    }
    let _ = write!(text, "{:<28}", "ratio (min - max)");
    for figure in Figure::SHOWN {
        let _ = write!(text, " {:>22}", figure.name());
    }
    text.push('\n');
    for ratios in ratios {
        let names = format!("{} / {}", ratios.of.name(), ratios.to.name());
        let _ = write!(text, "{names:<28}");
        for ratio in [
            ratios.per_second,
            ratios.p50,
            ratios.p99,
            ratios.client_cpu,
            ratios.server_cpu,
        ] {
            let _ = write!(text, " {:>22}", spread(ratio));
        }
        text.push('\n');
    }
}

fn add_slow(text: &mut String, cell: &SlowCell) {
    let _ = writeln!(
        text,
        "\none replica of 3 slow by {SLOW} ms, q = 2, {}",
        cell.load
    );
    let _ = writeln!(
        text,
        "{:<14} {:>10} {:>10} {:>14} {:>14} {:>22} {:>7}",
        "system", "p50 us", "with slow", "p99 us", "with slow", "p99 ratio", "errors"
    );
    for (system, slow) in &cell.systems {
        let (without, with) = (&slow.without.median, &slow.with.median);
        let _ = writeln!(
            text,
            "{:<14} {:>10.1} {:>10.1} {:>14.1} {:>14.1} {:>22} {:>7}",
            system.name(),
            without.p50,
            with.p50,
            without.p99,
            with.p99,
            spread(slow.p99),
            without.errors + with.errors,
        );
    }
}

fn add_waiting(text: &mut String, waiting: &[(System, Waiting)]) {
    let _ = writeln!(
        text,
        "\n{WAITING} calls in flight to 3 nodes: the client's bytes per call and node"
    );
    let _ = writeln!(
        text,
        "{:<14} {:>10} {:>10} {:>10}",
        "system", "resident", "allocated", "peak MiB"
    );
    for (system, waiting) in waiting {
        let _ = writeln!(
            text,
            "{:<14} {:>10.0} {:>10} {:>10}",
            system.name(),
            waiting.resident,
            whole(waiting.allocated),
            mebibytes(waiting.peak_memory),
        );
    }
}

fn add_targets(text: &mut String, targets: &[Checked]) {
    let _ = writeln!(text, "\n{:<66} {:>14} {:>9}", "target", "bound", "measured");
    for target in targets {
        let _ = writeln!(
            text,
            "{:<66} {:>14} {:>9.2} {}",
            target.target,
            target.bound,
            target.measured,
            if target.met { "met" } else { "missed" },
        );
    }
}

/// The description of a setting.
pub(super) fn title(cell: &Cell) -> String {
    format!(
        "n = {}, q = {}, {} B, {}",
        cell.n, cell.quorum, cell.payload, cell.load
    )
}

fn some(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_string(), |figure| format!("{figure:.1}"))
}

fn whole(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_string(), |figure| format!("{figure:.0}"))
}

fn mebibytes(bytes: Option<u64>) -> String {
    some(bytes.map(|bytes| bytes as f64 / f64::from(1 << 20)))
}

fn spread(ratio: Option<Spread>) -> String {
    ratio.map_or_else(
        || "-".to_string(),
        |ratio| format!("{:.2} ({:.2} - {:.2})", ratio.median, ratio.min, ratio.max),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::comparison;
    use crate::targets;

    fn shown() -> String {
        let mut comparison = comparison();
        comparison.targets = targets::check(&comparison);
        of_all(&comparison)
    }

    /// The line that begins with `start`, its words joined by single spaces.
    fn line(text: &str, start: &str) -> String {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines = text.lines().map(words);
        lines
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("no line {start:?} in\n{text}"))
    }

    #[test]
    fn a_comparison_is_shown_with_medians_and_how_far_rounds_are_apart() {
        let text = shown();
        assert!(text.contains("\nn = 3, q = 2, 16 B, 1 call in flight\n"));
        assert!(text.contains("\nn = 3, q = 2, 16 B, 10 calls per second\n"));
        assert_eq!(
            line(&text, "node streams"),
            "node streams 50 40 - 60 20000.0 16667 - 25000 60000.0 10000.0 10000.0 - 8.0 0"
        );
        assert_eq!(
            line(&text, "node streams / tonic by hand"),
            "node streams / tonic by hand 2.00 (2.00 - 3.00) 0.50 (0.33 - 0.50) \
             0.50 (0.33 - 0.50) 0.50 (0.33 - 0.50) 0.50 (0.33 - 0.50)"
        );
    }

    #[test]
    fn slow_replicas_waiting_calls_targets_and_notes_are_shown() {
        let text = shown();
        assert!(text.contains("one replica of 3 slow by 10 ms, q = 2, 970 calls per second"));
        assert!(text.contains("2.00 (2.00 - 2.00)"));
        let (_, waiting) = text
            .split_once("10000 calls in flight to 3")
            .expect("shown");
        assert_eq!(
            line(waiting, "tonic by hand"),
            "tonic by hand 6000 5990 30.0"
        );
        assert_eq!(
            line(&text, "node streams: bytes"),
            "node streams: bytes per call and node, 10000 calls in flight at most 2048 600.00 met"
        );
        assert!(text.ends_with("\na note\n"));
    }

    #[test]
    fn columns_stay_below_their_names() {
        let text = shown();
        let header = text.lines().find(|line| line.starts_with("system"));
        let row = text.lines().find(|line| line.starts_with("raw TCP"));
        assert_eq!(header.map(str::len), row.map(str::len));
    }
}
