//! All systems by turns.

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::{Call, Compare, System};
use crate::error::Error;
use crate::load::{Loop, measure};
use crate::measured::Measured;
use crate::servers::Servers;
use crate::{payload, report, usage};

/// What was measured of all systems, and on what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) machine: String,
    pub(crate) client_threads: u16,
    pub(crate) cells: Vec<Cell>,
    /// The most memory that the client has had, in bytes.
    pub(crate) peak_memory: Option<u64>,
}

/// One setting, and what was measured in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) n: usize,
    pub(crate) quorum: usize,
    pub(crate) payload: usize,
    /// Calls in flight, or the rate of an open loop.
    pub(crate) load: Load,
    pub(crate) systems: Vec<(System, Summary)>,
}

/// How calls follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Load {
    Concurrency(u32),
    Rate(u64),
}

/// The median of several rounds, and how far they were apart.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: Measured,
    pub(crate) least_per_second: f64,
    pub(crate) most_per_second: f64,
}

/// Measures all systems, and shows what was measured.
pub(crate) fn run(args: &Compare) -> Result<(), Error> {
    let loads = args.concurrency.len() + usize::from(!args.no_open_loop);
    let cells = args.n.len() * args.payload.len() * loads;
    let steps = cells * System::ALL.len() * usize::from(args.rounds);
    let progress = ProgressBar::new(steps as u64).with_style(
        ProgressStyle::with_template(
            "{elapsed_precise} [{wide_bar}] {pos}/{len} {msg} (about {eta} left)",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut measured = Vec::new();
    for &n in &args.n {
        let servers = Servers::start(&args.setup, n.into(), 0)?;
        for &payload in &args.payload {
            let mut slowest = f64::INFINITY;
            for &concurrency in &args.concurrency {
                let load = Load::Concurrency(concurrency);
                let cell = cell(args, &servers, payload, load, &progress)?;
                let rates = cell
                    .systems
                    .iter()
                    .map(|(_, summary)| summary.median.per_second);
                slowest = rates.fold(slowest, f64::min);
                measured.push(cell);
            }
            if !args.no_open_loop {
                let load = Load::Rate(((slowest / 2.0) as u64).max(1));
                measured.push(cell(args, &servers, payload, load, &progress)?);
            }
        }
    }
    progress.finish_and_clear();
    let comparison = Comparison {
        machine: machine(),
        client_threads: args.setup.threads,
        cells: measured,
        peak_memory: usage::peak_memory(),
    };
    report::all(&comparison, args)
}

/// Measures all systems in one setting, by turns.
fn cell(
    args: &Compare,
    servers: &Servers,
    bytes: usize,
    load: Load,
    progress: &ProgressBar,
) -> Result<Cell, Error> {
    let n = servers.grpc.len();
    let quorum = n / 2 + 1;
    let how = match load {
        Load::Concurrency(concurrency) => Loop::Closed(concurrency),
        Load::Rate(rate) => Loop::Open(rate),
    };
    let payload = payload::of(bytes);
    let mut rounds: Vec<(System, Vec<Measured>)> =
        System::ALL.map(|system| (system, Vec::new())).into();
    for _ in 0..args.rounds {
        for (system, rounds) in &mut rounds {
            progress.set_message(format!("n={n} {bytes} B {}", system.name()));
            rounds.push(measure(
                &args.setup,
                *system,
                servers,
                quorum,
                Call::Quorum,
                how,
                &payload,
            )?);
            progress.inc(1);
        }
    }
    Ok(Cell {
        n,
        quorum,
        payload: bytes,
        load,
        systems: rounds
            .into_iter()
            .map(|(system, rounds)| (system, summary(rounds)))
            .collect(),
    })
}

fn summary(mut rounds: Vec<Measured>) -> Summary {
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let least = rounds.first().map_or(0.0, |round| round.per_second);
    let most = rounds.last().map_or(0.0, |round| round.per_second);
    // There is at least one round.
    let middle = rounds.len() / 2;
    Summary {
        median: median(&rounds, middle),
        least_per_second: least,
        most_per_second: most,
    }
}

/// The medians of each figure.
fn median(rounds: &[Measured], middle: usize) -> Measured {
    let of = |figure: &dyn Fn(&Measured) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[middle]
    };
    let of_some = |figure: &dyn Fn(&Measured) -> Option<f64>| {
        let mut figures: Vec<f64> = rounds.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    };
    Measured {
        per_second: of(&|it| it.per_second),
        p50: of(&|it| it.p50),
        p90: of(&|it| it.p90),
        p99: of(&|it| it.p99),
        p999: of(&|it| it.p999),
        max: of(&|it| it.max),
        client_cpu: of_some(&|it| it.client_cpu),
        server_cpu: of_some(&|it| it.server_cpu),
        allocations: of_some(&|it| it.allocations),
        calls: rounds.iter().map(|it| it.calls).sum(),
        errors: rounds.iter().map(|it| it.errors).sum(),
        error: rounds.iter().find_map(|it| it.error.clone()),
    }
}

/// The machine, as far as it tells.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}
