//! Runs measurements one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Summary;
use super::process::{self, Job};
use crate::args::{Call, Compare, Memory, Run, Setup, System, majority};
use crate::error::Error;
use crate::measured::Measured;
use crate::memory::Waiting;
use crate::progress::Progress;
use crate::servers::Servers;

/// How long a process takes to start, to connect and to end.
const START: Duration = Duration::from_millis(60);

/// How long a measurement of memory takes.
const WAITING: Duration = Duration::from_millis(1_500);

/// How many times longer a measurement takes whose 99th percentile is compared, since that needs many calls.
pub(super) const LONG: u64 = 6;

/// The measurements to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) calls: usize,
    /// Of calls as well, but [`LONG`].
    pub(super) long_calls: usize,
    pub(super) memory: usize,
}

/// Measures, and shows its progress.
pub(super) struct Measurer<'a> {
    pub(super) args: &'a Compare,
    progress: Progress,
    /// The systems that the remote servers do not support, and the reasons.
    left_out: BTreeMap<System, String>,
}

/// How calls of a setting are made.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Load {
    /// Calls in flight.
    Concurrency(u32),
    /// Calls per second.
    Rate(u64),
}

impl<'a> Measurer<'a> {
    pub(super) fn new(args: &'a Compare, planned: Planned) -> Self {
        let Planned {
            calls,
            long_calls,
            memory,
        } = planned;
        let lasting = |duration| Duration::from_millis(duration + args.setup.warmup) + START;
        let all = lasting(args.setup.duration) * calls as u32
            + lasting(LONG * args.setup.duration) * long_calls as u32
            + WAITING * memory as u32;
        let steps = calls + long_calls + memory;
        Self {
            args,
            progress: Progress::begin(steps, all),
            left_out: BTreeMap::new(),
        }
    }

    /// Measures quorum calls of all systems in turn, in each round, on each of `variants`: servers with a name. Each
    /// system gets a summary for each variant.
    pub(super) fn by_turns<const N: usize>(
        &mut self,
        variants: [(&str, &Servers); N],
        payload: usize,
        load: Load,
        duration: u64,
    ) -> Result<Vec<(System, [Summary; N])>, Error> {
        let mut rounds = System::ALL.map(|system| (system, [const { Vec::new() }; N]));
        for _ in 0..self.args.rounds {
            for (system, rounds) in &mut rounds {
                for ((name, servers), rounds) in variants.iter().zip(rounds) {
                    let n = servers.grpc.len();
                    let what = format!("n={n}{name}, {payload} B, {load}, {}", system.name());
                    let setup = Setup {
                        duration,
                        ..servers.setup(&self.args.setup)
                    };
                    let run = quorum_calls(setup, *system, n, payload, load);
                    rounds.extend(self.run::<Measured>(*system, what, &run)?);
                }
            }
        }
        let summaries = rounds.into_iter().filter_map(|(system, rounds)| {
            let summaries: Option<Vec<_>> = rounds.into_iter().map(Summary::of).collect();
            Some((system, summaries?.try_into().ok()?))
        });
        Ok(summaries.collect())
    }

    /// Measures the memory of calls that wait.
    pub(super) fn memory(&mut self, job: &Memory) -> Result<Option<Waiting>, Error> {
        let what = format!("{} calls that wait, {}", job.calls, job.system.name());
        self.run(job.system, what, job)
    }

    fn run<T: serde::de::DeserializeOwned>(
        &mut self,
        system: System,
        what: String,
        job: &impl Job,
    ) -> Result<Option<T>, Error> {
        self.progress.show(what);
        let measured = if self.left_out.contains_key(&system) {
            None
        } else {
            match process::run(job) {
                Ok(measured) => Some(measured),
                Err(Error::Measurement(why)) if !self.args.setup.remotes.is_empty() => {
                    self.left_out.insert(system, why);
                    None
                }
                Err(error) => return Err(error),
            }
        };
        self.progress.step();
        Ok(measured)
    }

    /// The reasons why systems were left out.
    pub(super) fn finish(self) -> Vec<String> {
        self.progress.end();
        let left_out = self.left_out.into_iter();
        left_out
            .map(|(system, why)| format!("{} is left out: {why}", system.name()))
            .collect()
    }
}

/// Calls to `n` servers, until a majority has replied.
pub(super) fn quorum_calls(
    setup: Setup,
    system: System,
    n: usize,
    payload: usize,
    load: Load,
) -> Run {
    Run {
        setup,
        system,
        call: Call::Quorum,
        n: n as u16,
        quorum: Some(majority(n) as u16),
        payload,
        concurrency: match load {
            Load::Concurrency(concurrency) => concurrency,
            Load::Rate(_) => 1,
        },
        rate: match load {
            Load::Concurrency(_) => None,
            Load::Rate(rate) => Some(rate),
        },
        slow: 0,
        json: false,
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Concurrency(1) => f.write_str("1 call in flight"),
            Self::Concurrency(concurrency) => write!(f, "{concurrency} calls in flight"),
            Self::Rate(rate) => write!(f, "{rate} calls per second"),
        }
    }
}
