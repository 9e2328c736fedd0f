//! What is told of a system and its strategy.

mod aligned;
mod node;
mod quorums;
mod svg;
mod table;
mod used;

use gorums_quorums::{Kind, Metric, Question, Strategy, System};
use serde::Serialize;

use crate::args::Asked;
use crate::failure::Failure;
use crate::report::node::NodeReport;
use crate::report::quorums::QuorumsReport;
use crate::report::used::Used;

/// How far a search went.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Searched {
    pub(crate) systems: u64,
    pub(crate) is_complete: bool,
}

/// What is told of a system and its strategy. This is the JSON that is printed.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<Searched>,
    reads: QuorumsReport,
    writes: QuorumsReport,
    resilience: usize,
    /// Whether the three resiliences are exact. They may be less otherwise.
    is_resilience_exact: bool,
    question: Asking,
    strategy: StrategyReport,
    nodes: Vec<NodeReport>,
    units: Units,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Asking {
    #[serde(skip)]
    text: String,
    read_fractions: Vec<ReadFraction>,
    optimize: String,
    failures: usize,
    max_load: Option<f64>,
    max_latency: Option<f64>,
    max_network: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ReadFraction {
    fraction: f64,
    probability: f64,
}

#[derive(Debug, Serialize)]
struct StrategyReport {
    is_optimal: bool,
    load: f64,
    capacity: f64,
    network: f64,
    latency: f64,
    reads: Vec<Used>,
    writes: Vec<Used>,
}

#[derive(Debug, Serialize)]
struct Units {
    load: &'static str,
    capacity: &'static str,
    network: &'static str,
    latency: &'static str,
}

/// The report, as text or as JSON. Draws the plot if one is asked for.
pub(crate) fn of(
    asked: &Asked,
    system: &System<String>,
    question: &Question,
    strategy: &Strategy<String>,
    searched: Option<Searched>,
) -> Result<String, Failure> {
    if let Some(path) = &asked.svg {
        svg::write(path, system, question, strategy)?;
    }
    let report = Report::new(system, question, strategy, searched);
    match asked.json {
        false => Ok(table::of(&report)),
        true => {
            let json = serde_json::to_string_pretty(&report).map_err(Failure::Json)?;
            Ok(json + "\n")
        }
    }
}

impl Report {
    fn new(
        system: &System<String>,
        question: &Question,
        strategy: &Strategy<String>,
        search: Option<Searched>,
    ) -> Self {
        let resilience = system.resilience();
        Self {
            search,
            reads: QuorumsReport::new(system, Kind::Read),
            writes: QuorumsReport::new(system, Kind::Write),
            resilience: resilience.both(),
            is_resilience_exact: resilience.is_exact,
            question: Asking::new(question),
            strategy: StrategyReport::new(question, strategy),
            nodes: NodeReport::all(system, question, strategy),
            units: Units {
                load: Metric::Load.unit(),
                capacity: "commands per s",
                network: Metric::Network.unit(),
                latency: Metric::Latency.unit(),
            },
            notes: notes(system, strategy, search),
        }
    }
}

impl Asking {
    fn new(question: &Question) -> Self {
        let fractions = question.reads.iter();
        let fractions = fractions.map(|(fraction, probability)| ReadFraction {
            fraction,
            probability,
        });
        let bounds = &question.bounds;
        Self {
            text: asking(question),
            read_fractions: fractions.collect(),
            optimize: question.optimize.to_string(),
            failures: question.f,
            max_load: bounds.most(Metric::Load),
            max_latency: bounds.most(Metric::Latency),
            max_network: bounds.most(Metric::Network),
        }
    }
}

impl StrategyReport {
    fn new(question: &Question, strategy: &Strategy<String>) -> Self {
        let reads = &question.reads;
        Self {
            is_optimal: strategy.is_optimal(),
            load: strategy.load(reads),
            capacity: strategy.capacity(reads),
            network: strategy.network(reads),
            latency: strategy.latency(reads),
            reads: Used::all(strategy, Kind::Read),
            writes: Used::all(strategy, Kind::Write),
        }
    }
}

/// What the strategy was asked for, as text.
fn asking(question: &Question) -> String {
    let mut text = format!("least {} at {}", question.optimize, question.reads);
    let bounds = question.bounds.to_string();
    if !bounds.is_empty() {
        text += &format!(", with {bounds}");
    }
    match question.f {
        0 => {}
        1 => text += ", surviving the failure of any node that is asked",
        f => text += &format!(", surviving the failure of any {f} nodes that are asked"),
    }
    text
}

/// What is to be kept in mind.
fn notes(
    system: &System<String>,
    strategy: &Strategy<String>,
    search: Option<Searched>,
) -> Vec<String> {
    let mut notes = Vec::new();
    for kind in [Kind::Read, Kind::Write] {
        if !system.is_complete(kind) {
            notes.push(format!(
                "there are more than {} {kind} quorums; the others were not looked at",
                system.minimal(kind).len()
            ));
        }
    }
    if !strategy.is_optimal() {
        notes.push("the strategy may not be optimal, as not all quorums were looked at".into());
    }
    if !system.resilience().is_exact {
        notes.push("the resilience may be less, as not all quorums are known".into());
    }
    if search.is_some_and(|search| !search.is_complete) {
        notes.push(
            "there are systems that were not looked at, or not with all their quorums; another one may be better".into(),
        );
    }
    notes
}
