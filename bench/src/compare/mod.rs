//! Compares all systems.

mod figure;
mod measurer;
mod process;
pub(crate) mod summary;

use serde::Serialize;

use crate::args::{Compare, Memory, System, majority};
use crate::error::Error;
use crate::measured::Measured;
use crate::memory::Waiting;
use crate::servers::Servers;
use crate::targets::{self, Checked};
use crate::{report, usage};

pub(crate) use figure::{Figure, Spread};
pub(crate) use measurer::Load;
use measurer::{LONG, Measurer, Planned, quorum_calls};
pub(crate) use process::run as run_process;
pub(crate) use summary::Summary;

/// The delay of the slow one of three servers, in milliseconds.
pub(crate) const SLOW: u64 = 10;

/// The rate at which a slow server is called. All systems keep up with it, and it is out of step with timers of
/// milliseconds: in step, either all late replies of a round or none would arrive just when a call begins.
const RATE_TO_SLOW: u64 = 970;

/// The payload of those calls, and of the calls whose memory is measured.
const PAYLOAD: usize = 16;

/// How many calls are in flight when their memory is measured.
pub(crate) const WAITING: u32 = 10_000;

/// The pairs of systems whose ratios are printed.
pub(crate) const RATIOS: [(System, System); 4] = [
    (System::Streams, System::Tonic),
    (System::Grpc, System::Tonic),
    (System::Streams, System::Tcp),
    (System::Streams, System::Grpc),
];

/// The results for all systems, and the machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) machine: String,
    pub(crate) client_threads: u16,
    pub(crate) rounds: u16,
    /// How long each measurement took, in milliseconds.
    pub(crate) duration: u64,
    /// The client's CPU time per call for measuring alone, in microseconds, at the highest concurrency. The figures of
    /// all systems include it.
    pub(crate) own_cpu: Option<f64>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) slow: Vec<SlowCell>,
    pub(crate) waiting: Vec<(System, Waiting)>,
    pub(crate) targets: Vec<Checked>,
    pub(crate) notes: Vec<String>,
}

/// One setting and its results.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) n: usize,
    pub(crate) quorum: usize,
    pub(crate) payload: usize,
    pub(crate) load: Load,
    pub(crate) systems: Vec<(System, Summary)>,
    pub(crate) ratios: Vec<Ratios>,
}

/// One system's figures divided by another's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratios {
    pub(crate) of: System,
    pub(crate) to: System,
    pub(crate) per_second: Option<Spread>,
    pub(crate) p50: Option<Spread>,
    pub(crate) p99: Option<Spread>,
    pub(crate) client_cpu: Option<Spread>,
    pub(crate) server_cpu: Option<Spread>,
}

/// One slow server of three, compared with none.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SlowCell {
    pub(crate) load: Load,
    pub(crate) systems: Vec<(System, Slow)>,
}

/// How one system copes with a slow server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Slow {
    pub(crate) without: Summary,
    pub(crate) with: Summary,
    /// The 99th percentile with the slow server, divided by that without.
    pub(crate) p99: Option<Spread>,
}

impl Cell {
    /// The results for a system, if it was measured.
    pub(crate) fn system(&self, system: System) -> Option<&Summary> {
        let mut systems = self.systems.iter();
        systems
            .find(|(measured, _)| *measured == system)
            .map(|(_, summary)| summary)
    }

    /// One system's figure divided by another's.
    pub(crate) fn ratio(&self, of: System, to: System, figure: Figure) -> Option<Spread> {
        Spread::of_ratio(self.system(of)?, self.system(to)?, figure)
    }

    fn ratios(&self) -> Vec<Ratios> {
        let systems = RATIOS.into_iter();
        let measured =
            systems.filter(|(of, to)| self.system(*of).is_some() && self.system(*to).is_some());
        measured
            .map(|(of, to)| Ratios {
                of,
                to,
                per_second: self.ratio(of, to, Figure::PerSecond),
                p50: self.ratio(of, to, Figure::P50),
                p99: self.ratio(of, to, Figure::P99),
                client_cpu: self.ratio(of, to, Figure::ClientCpu),
                server_cpu: self.ratio(of, to, Figure::ServerCpu),
            })
            .collect()
    }
}

/// Measures all systems, and prints the results.
pub(crate) fn run(args: &Compare) -> Result<(), Error> {
    let remote = !args.setup.remotes.is_empty();
    let extras = !args.no_extras && !remote;
    let loads = args.concurrency.len() + usize::from(!args.no_open_loop);
    let cells = args.n.len() * args.payload.len() * loads;
    let rounds = usize::from(args.rounds);
    let per_cell = System::ALL.len() * rounds;
    let planned = Planned {
        calls: cells * per_cell,
        // Two loads, with a slow server and without.
        long_calls: if extras { 4 * per_cell } else { 0 },
        memory: if extras { System::ALL.len() } else { 0 },
    };
    let mut measurer = Measurer::new(args, planned);
    let mut comparison = Comparison {
        machine: usage::machine(),
        client_threads: args.setup.threads,
        rounds: args.rounds,
        duration: args.setup.duration,
        own_cpu: own_cpu(args)?,
        cells: matrix(&mut measurer)?,
        slow: Vec::new(),
        waiting: Vec::new(),
        targets: Vec::new(),
        notes: Vec::new(),
    };
    if extras {
        comparison.slow = one_slow(&mut measurer)?;
        comparison.waiting = waiting(&mut measurer)?;
    }
    comparison.notes = measurer.finish();
    if remote && !args.no_extras {
        let note =
            "remote servers cannot be slowed down or silenced: these measurements are left out";
        comparison.notes.push(note.to_string());
    }
    comparison.targets = targets::check(&comparison);
    report::all(&comparison, args)
}

/// The cost of measuring itself.
fn own_cpu(args: &Compare) -> Result<Option<f64>, Error> {
    let most = args.concurrency.iter().copied().max().unwrap_or(1);
    let load = Load::Concurrency(most);
    let mut setup = args.setup.clone();
    // It makes no calls, but a client needs servers.
    setup.remotes = vec!["127.0.0.1:1".to_string()];
    setup.tcp_remotes.clear();
    let run = quorum_calls(setup, System::Idle, 1, PAYLOAD, load);
    let measured: Measured = process::run(&run)?;
    Ok(measured.client_cpu)
}

/// All numbers of servers, payloads and loads.
fn matrix(measurer: &mut Measurer<'_>) -> Result<Vec<Cell>, Error> {
    let args = measurer.args;
    let mut cells = Vec::new();
    for &n in &args.n {
        let servers = Servers::start(&args.setup, n.into(), 0)?;
        for &payload in &args.payload {
            let mut slowest = f64::INFINITY;
            for &concurrency in &args.concurrency {
                let cell = cell(measurer, &servers, payload, Load::Concurrency(concurrency))?;
                let rates = cell.systems.iter();
                let rates = rates.map(|(_, summary)| summary.median.per_second);
                slowest = rates.fold(slowest, f64::min);
                cells.push(cell);
            }
            if !args.no_open_loop && slowest.is_finite() {
                let load = Load::Rate(((slowest / 2.0) as u64).max(1));
                cells.push(cell(measurer, &servers, payload, load)?);
            }
        }
    }
    Ok(cells)
}

/// All systems in one setting.
fn cell(
    measurer: &mut Measurer<'_>,
    servers: &Servers,
    payload: usize,
    load: Load,
) -> Result<Cell, Error> {
    let duration = measurer.args.setup.duration;
    let systems = measurer.by_turns([("", servers)], payload, load, duration)?;
    let n = servers.grpc.len();
    let mut cell = Cell {
        n,
        quorum: majority(n),
        payload,
        load,
        systems: systems
            .into_iter()
            .map(|(system, [summary])| (system, summary))
            .collect(),
        ratios: Vec::new(),
    };
    cell.ratios = cell.ratios();
    Ok(cell)
}

/// One slow server of three, compared with none: in an open loop, in which all systems make the same number of calls,
/// and with one call in flight.
fn one_slow(measurer: &mut Measurer<'_>) -> Result<Vec<SlowCell>, Error> {
    let setup = &measurer.args.setup;
    let (without, with) = (
        Servers::start(setup, 3, 0)?,
        Servers::start(setup, 3, SLOW)?,
    );
    let duration = LONG * setup.duration;
    let mut cells = Vec::new();
    for load in [Load::Rate(RATE_TO_SLOW), Load::Concurrency(1)] {
        let variants = [("", &without), (", one slow", &with)];
        let systems = measurer.by_turns(variants, PAYLOAD, load, duration)?;
        let systems = systems.into_iter().map(|(system, [without, with])| {
            let p99 = Spread::of_ratio(&with, &without, Figure::P99);
            (system, Slow { without, with, p99 })
        });
        cells.push(SlowCell {
            load,
            systems: systems.collect(),
        });
    }
    Ok(cells)
}

/// The memory of calls that wait for replies.
fn waiting(measurer: &mut Measurer<'_>) -> Result<Vec<(System, Waiting)>, Error> {
    let mut all = Vec::new();
    for system in System::ALL {
        let job = Memory {
            setup: measurer.args.setup.clone(),
            system,
            n: 3,
            payload: PAYLOAD,
            calls: WAITING,
            json: false,
        };
        all.extend(measurer.memory(&job)?.map(|waiting| (system, waiting)));
    }
    Ok(all)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::summary::tests::summary;
    use super::*;

    /// A cell in which each system makes this many calls per second in its rounds.
    pub(crate) fn cell_of(
        n: usize,
        payload: usize,
        load: Load,
        rates: [(System, &[f64]); 4],
    ) -> Cell {
        let systems = rates.map(|(system, rates)| (system, summary(rates)));
        let mut cell = Cell {
            n,
            quorum: majority(n),
            payload,
            load,
            systems: systems.into(),
            ratios: Vec::new(),
        };
        cell.ratios = cell.ratios();
        cell
    }

    /// A comparison of two settings, with all other results.
    pub(crate) fn comparison() -> Comparison {
        let rates: [(System, &[f64]); 4] = [
            (System::Streams, &[40.0, 50.0, 60.0]),
            (System::Grpc, &[20.0, 20.0, 20.0]),
            (System::Tonic, &[20.0, 25.0, 20.0]),
            (System::Tcp, &[80.0, 100.0, 90.0]),
        ];
        let slow = |system, without: &[f64], with: &[f64]| {
            let (without, with) = (summary(without), summary(with));
            let p99 = Spread::of_ratio(&with, &without, Figure::P99);
            (system, Slow { without, with, p99 })
        };
        let waiting = |resident| Waiting {
            calls: WAITING,
            n: 3,
            resident,
            allocated: Some(resident - 10.0),
            peak_memory: Some(30 << 20),
        };
        Comparison {
            machine: "a machine".to_string(),
            client_threads: 2,
            rounds: 3,
            duration: 500,
            own_cpu: Some(0.17),
            cells: vec![
                cell_of(3, 16, Load::Concurrency(1), rates),
                cell_of(3, 16, Load::Rate(10), rates),
            ],
            slow: vec![SlowCell {
                load: Load::Rate(RATE_TO_SLOW),
                systems: vec![
                    slow(System::Streams, &[10.0, 20.0], &[10.0, 20.0]),
                    slow(System::Grpc, &[20.0, 30.0], &[10.0, 15.0]),
                ],
            }],
            waiting: vec![
                (System::Streams, waiting(600.0)),
                (System::Tonic, waiting(6000.0)),
            ],
            targets: Vec::new(),
            notes: vec!["a note".to_string()],
        }
    }

    #[test]
    fn ratios_are_only_of_systems_that_were_measured() {
        let mut cell = comparison().cells.remove(0);
        assert_eq!(cell.ratios.len(), RATIOS.len());
        cell.systems.retain(|(system, _)| *system != System::Tonic);
        let ratios = cell.ratios();
        assert!(ratios.iter().all(|ratios| ratios.to != System::Tonic));
        assert_eq!(ratios.len(), 2);
    }

    #[test]
    fn a_comparison_in_json_has_all_rounds_and_their_medians() {
        let json = serde_json::to_value(comparison()).expect("it is JSON");
        let cell = &json["cells"][0];
        assert_eq!(cell["load"], serde_json::json!({ "concurrency": 1 }));
        assert_eq!(cell["systems"][0][0], "streams");
        let streams = &cell["systems"][0][1];
        assert_eq!(streams["median"]["per_second"], 50.0);
        assert_eq!(streams["min"]["per_second"], 40.0);
        assert_eq!(streams["rounds"].as_array().map(Vec::len), Some(3));
        for figure in ["client_cpu", "server_cpu", "allocations", "peak_memory"] {
            assert!(streams["median"].get(figure).is_some(), "{figure}");
        }
        let ratios = &cell["ratios"][0];
        assert_eq!(
            (&ratios["of"], &ratios["to"]),
            (&"streams".into(), &"tonic".into())
        );
        assert_eq!(ratios["per_second"]["median"], 2.0);
        assert_eq!(json["slow"][0]["systems"][1][1]["p99"]["median"], 2.0);
        assert_eq!(json["waiting"][0][1]["resident"], 600.0);
    }
}
