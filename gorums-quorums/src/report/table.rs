//! The report as text.

use gorums_quorums::Rounded;

use super::Report;
use super::aligned::Align::{self, Left, Right};
use super::aligned::{Rows, aligned};
use super::quorums::QuorumsReport;
use super::used::Used;

/// The columns of tables of quorums.
const USED: &[Align] = &[Right, Right, Left];

/// The report as text.
pub(super) fn of(report: &Report) -> String {
    let mut parts = Vec::new();
    if let Some(search) = report.search {
        let systems = match (search.systems, search.is_complete) {
            (1, true) => "the only system".into(),
            (systems, true) => format!("the best of all {systems} systems"),
            (systems, false) => format!("the best of the first {systems} systems"),
        };
        parts.push(format!("{systems} in which each node has one place\n"));
    }
    parts.push(format!(
        "reads   {}\nwrites  {}\n",
        report.reads.expression, report.writes.expression
    ));
    parts.push(aligned(&quorums(report), &[Left, Right, Right, Right]));
    parts.push(format!(
        "{}\n{}",
        report.question.text,
        aligned(&totals(report), &[Left, Right, Left])
    ));
    parts.push(aligned(&used("read quorum", &report.strategy.reads), USED));
    parts.push(aligned(
        &used("write quorum", &report.strategy.writes),
        USED,
    ));
    parts.push(aligned(&nodes(report), &[Left]));
    if !report.notes.is_empty() {
        let notes = report.notes.iter().map(|note| format!("note: {note}\n"));
        parts.push(notes.collect());
    }
    parts.join("\n")
}

fn quorums(report: &Report) -> Rows {
    let at_most = if report.is_resilience_exact {
        ""
    } else {
        "<= "
    };
    let row = |name: &str, of: &QuorumsReport| {
        let at_least = if of.is_complete { "" } else { ">= " };
        let nodes = match (of.smallest, of.largest) {
            (smallest, largest) if smallest < largest => format!("{smallest} to {largest}"),
            (smallest, _) => smallest.to_string(),
        };
        vec![
            name.into(),
            format!("{at_least}{}", of.quorums),
            nodes,
            format!("{at_most}{}", of.resilience),
        ]
    };
    vec![
        texts(["", "quorums", "nodes each", "failures survived"]),
        row("reads", &report.reads),
        row("writes", &report.writes),
        vec![
            "both".into(),
            String::new(),
            String::new(),
            format!("{at_most}{}", report.resilience),
        ],
    ]
}

fn totals(report: &Report) -> Rows {
    let (strategy, units) = (&report.strategy, &report.units);
    let totals = [
        ("load", strategy.load, units.load),
        ("capacity", strategy.capacity, units.capacity),
        ("network", strategy.network, units.network),
        ("latency", strategy.latency, units.latency),
    ];
    let row = |(name, value, unit)| texts([name, &Rounded(value).to_string(), unit]);
    totals.map(row).into()
}

fn used(kind: &str, used: &[Used]) -> Rows {
    let header = texts(["probability", "latency, s", kind]);
    let row = |used: &Used| {
        vec![
            format!("{:.4}", used.probability),
            Rounded(used.latency).to_string(),
            used.quorum.join(" "),
        ]
    };
    std::iter::once(header)
        .chain(used.iter().map(row))
        .collect()
}

fn nodes(report: &Report) -> Rows {
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    let mut rows = vec![texts([
        "node",
        "reads/s",
        "writes/s",
        "latency, s",
        "load, s",
        "share",
        "busy at capacity",
        "commands/s",
    ])];
    rows.extend(report.nodes.iter().map(|node| {
        vec![
            node.name.clone(),
            Rounded(node.read_capacity).to_string(),
            Rounded(node.write_capacity).to_string(),
            Rounded(node.latency).to_string(),
            Rounded(node.load).to_string(),
            percent(node.share),
            percent(node.utilization),
            Rounded(node.throughput).to_string(),
        ]
    }));
    rows
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_string).into()
}
