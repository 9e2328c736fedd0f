//! Aligned tables.

use std::fmt::Write;

use crate::args::System;
use crate::compare::{Cell, Comparison, Load};
use crate::measured::Measured;

/// What was measured of one system.
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
    line("calls", measured.calls.to_string());
    line("errors", measured.errors.to_string());
    if let Some(error) = &measured.error {
        let _ = writeln!(text, "an error: {error}");
    }
    text
}

/// What was measured of all systems. The ratios are to the hand-written tonic client.
pub(crate) fn of_all(comparison: &Comparison) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}, {} client threads; ratios are to tonic by hand",
        comparison.machine, comparison.client_threads
    );
    for cell in &comparison.cells {
        let _ = writeln!(text, "\n{}", title(cell));
        let _ = writeln!(
            text,
            "{:<14} {:>10} {:>19} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}",
            "system",
            "calls/s",
            "min - max",
            "p50 us",
            "p99 us",
            "cpu us",
            "srv us",
            "allocs",
            "x c/s",
            "x p50",
            "x cpu",
            "errors"
        );
        let by_hand = cell
            .systems
            .iter()
            .find(|(system, _)| *system == System::Tonic);
        for (system, summary) in &cell.systems {
            let it = &summary.median;
            let ratio = |figure: &dyn Fn(&Measured) -> Option<f64>| {
                let by_hand = by_hand.and_then(|(_, by_hand)| figure(&by_hand.median));
                figure(it).zip(by_hand).map(|(ours, theirs)| ours / theirs)
            };
            let spread = format!(
                "{:.0} - {:.0}",
                summary.least_per_second, summary.most_per_second
            );
            let _ = writeln!(
                text,
                "{:<14} {:>10.0} {:>19} {:>9.1} {:>9.1} {:>9} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}",
                system.name(),
                it.per_second,
                spread,
                it.p50,
                it.p99,
                some(it.client_cpu),
                some(it.server_cpu),
                some(it.allocations),
                times(ratio(&|it| Some(it.per_second))),
                times(ratio(&|it| Some(it.p50))),
                times(ratio(&|it| it.client_cpu)),
                it.errors,
            );
        }
        let errors = cell.systems.iter().filter_map(|(system, summary)| {
            let error = summary.median.error.as_ref()?;
            Some(format!("{}: {error}", system.name()))
        });
        for error in errors {
            let _ = writeln!(text, "an error of {error}");
        }
    }
    text
}

/// What a setting is.
pub(super) fn title(cell: &Cell) -> String {
    let load = match cell.load {
        Load::Concurrency(1) => "1 call in flight".to_string(),
        Load::Concurrency(concurrency) => format!("{concurrency} calls in flight"),
        Load::Rate(rate) => format!("{rate} calls per second"),
    };
    format!(
        "n = {}, q = {}, {} B, {load}",
        cell.n, cell.quorum, cell.payload
    )
}

fn some(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_string(), |figure| format!("{figure:.1}"))
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_string(), |ratio| format!("{ratio:.2}"))
}
