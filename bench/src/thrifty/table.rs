//! The results as a table.

use std::fmt::Write as _;

use super::figures::Figures;
use super::kind::Kind;
use crate::args;

/// The figures of each kind of call, and the ratios between them.
pub(super) fn of(args: &args::Thrifty, figures: &[Figures; Kind::ALL.len()]) -> String {
    let mut text = String::new();
    let calls = match args.concurrency {
        1 => "one call at a time".to_string(),
        calls => format!("{calls} calls in flight"),
    };
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "n = {}, q = {}, {} B, {calls}; a share of {} of the replies is late by {} ms",
        args.n,
        args::majority(args.n.into()),
        args.payload,
        args.late_share,
        args.late_by,
    );
    let _ = writeln!(
        text,
        "hedged at the percentile {}; each call allows {} hedges, and {} may come at once\n",
        args.hedge_at, args.hedge_budget, args.hedge_burst,
    );
    let _ = writeln!(
        text,
        "{:<20} {:>13} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "calls to", "messages/call", "calls", "calls/s", "p50 (us)", "p99 (us)", "p99.9 (us)"
    );
    for (kind, figures) in Kind::ALL.iter().zip(figures) {
        let _ = writeln!(
            text,
            "{:<20} {:>13.3} {:>10} {:>10.0} {:>10.1} {:>10.1} {:>10.1}",
            kind.name(),
            figures.messages(),
            figures.calls(),
            figures.per_second(),
            figures.quantile(0.5),
            figures.quantile(0.99),
            figures.quantile(0.999),
        );
    }
    let [all, thrifty, hedged, fastest] = figures;
    let p99 = |of: &Figures| of.quantile(0.99) / thrifty.quantile(0.99);
    let messages = |of: &Figures, to: &Figures| of.messages() / to.messages();
    let extra = |of: &Figures| format!("{:+.1} %", (messages(of, thrifty) - 1.0) * 100.0);
    text.push('\n');
    for (name, ratio) in [
        ("p99, hedged / thrifty", format!("{:.3}", p99(hedged))),
        (
            "p99, fastest and hedged / thrifty",
            format!("{:.3}", p99(fastest)),
        ),
        (
            "messages, thrifty / all",
            format!("{:.3}", messages(thrifty, all)),
        ),
        ("messages, hedged over thrifty", extra(hedged)),
        ("messages, fastest and hedged over thrifty", extra(fastest)),
    ] {
        let _ = writeln!(text, "{name:<45} {ratio:>10}");
    }
    text
}
