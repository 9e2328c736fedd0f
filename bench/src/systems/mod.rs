//! Measures the replicated systems of the examples, each beside its floor: the same rounds of messages, by handlers that do nothing.
//! Their ratio is what the protocol itself costs.
//!
//! Replicas are processes of this program, which are new for each measurement. A system is one file here: what its replicas serve,
//! and a [`Candidate`] for each kind of command.

mod abd;
mod candidate;
mod epaxos;
mod floor;
mod measure;
mod raft;
mod replica;
mod replicas;
mod results;
mod rounds;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use crate::args::{Replicated, State, Systems};
use crate::error::Error;
use crate::progress::Progress;
use crate::{report, usage};
use candidate::Candidate;
use floor::Floor;
use measure::{Measurement, Setting, measure};
pub(crate) use replica::serve;
use results::{Cell, Results, Row};

/// How long a client waits for replies. None is missing here.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long processes take to start, to connect and to end.
const START: Duration = Duration::from_millis(300);

/// Measures, prints a table, and writes a file if the arguments name one.
pub(crate) fn run(args: &Systems) -> Result<(), Error> {
    let candidates = candidates(args);
    let settings = settings(args);
    let turns = (args.state.len() + 1) * usize::from(args.rounds);
    let measurements = candidates.len() * settings.len() * turns;
    let each = Duration::from_millis(args.warmup + args.duration) + START;
    let session = Session {
        args,
        dir: args.dir.clone().unwrap_or_else(std::env::temp_dir),
        progress: Progress::begin(measurements, each * measurements as u32),
    };
    let mut cells = Vec::new();
    for setting in settings {
        let rows = candidates
            .iter()
            .map(|candidate| session.row(candidate.as_ref(), setting));
        cells.push(Cell {
            setting,
            rows: rows.collect::<Result<_, _>>()?,
        });
    }
    session.progress.end();
    let results = Results {
        machine: usage::machine(),
        client_threads: args.threads,
        rounds: args.rounds,
        duration: args.duration,
        dir: session.dir,
        cells,
    };
    print!("{}", table::of(&results));
    match &args.json {
        Some(path) => report::write(path, &results),
        None => Ok(()),
    }
}

/// All kinds of commands of the systems.
fn candidates(args: &Systems) -> Vec<Box<dyn Candidate>> {
    let mut candidates: Vec<Box<dyn Candidate>> = Vec::new();
    for system in &args.systems {
        match system {
            Replicated::Abd => {
                candidates.push(Box::new(abd::Writes));
                candidates.push(Box::new(abd::Reads));
            }
            Replicated::Epaxos => {
                for &conflicts in &args.conflicts {
                    candidates.push(Box::new(epaxos::Puts { conflicts }));
                }
            }
            Replicated::Raft => candidates.push(Box::new(raft::Puts)),
        }
    }
    candidates
}

/// All numbers of replicas and clients, and lengths of values.
fn settings(args: &Systems) -> Vec<Setting> {
    let mut settings = Vec::new();
    for &n in &args.n {
        for &payload in &args.payload {
            for &clients in &args.clients {
                settings.push(Setting {
                    n,
                    payload,
                    clients,
                });
            }
        }
    }
    settings
}

/// A run.
struct Session<'a> {
    args: &'a Systems,
    /// Where the files of the state on disk are.
    dir: PathBuf,
    progress: Progress,
}

impl Session<'_> {
    /// Lets a system, with its state in each place, and its floor take their turns, so that what else the machine does affects all of
    /// them.
    fn row(&self, candidate: &dyn Candidate, setting: Setting) -> Result<Row, Error> {
        let rounds = candidate.rounds(setting.n.into());
        let states = self.args.state.iter();
        let mut variants: Vec<_> = states.map(|state| (*state, Vec::new())).collect();
        let mut floors = Vec::new();
        for _ in 0..self.args.rounds {
            for (state, measurements) in &mut variants {
                measurements.push(self.measure(candidate, setting, Some(*state))?);
            }
            floors.push(self.measure(&Floor(rounds), setting, None)?);
        }
        let row = Row::of(candidate.name(), variants, rounds, floors);
        row.ok_or_else(|| unreachable!("there is at least one round"))
    }

    /// Measures once. A floor has no state.
    fn measure(
        &self,
        candidate: &dyn Candidate,
        setting: Setting,
        state: Option<State>,
    ) -> Result<Measurement, Error> {
        let name = candidate.name();
        let state_name = state.map_or("", |state| match state {
            State::Memory => ", in memory",
            State::Disk => ", on disk",
        });
        self.progress.show(format!("{setting}: {name}{state_name}"));
        let dir = (state == Some(State::Disk)).then_some(&*self.dir);
        let measurement = measure(self.args, candidate, setting, dir)?;
        self.progress.step();
        Ok(measurement)
    }
}
