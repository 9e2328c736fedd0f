//! One measurement: clients of new replicas.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, try_join_all};
use gorums_runtime::Manager;
use harness::peer;
use serde::Serialize;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::candidate::{Candidate, Client};
use super::replicas::Replicas;
use crate::args;
use crate::error::Error;
use crate::load::{Tally, using};
use crate::measured::{Measured, Used};

/// The key of commands that conflict.
const SHARED: &str = "shared";

/// Requests arrive within this time after their command has ended.
const ARRIVAL: Duration = Duration::from_millis(20);

/// How many replicas and clients there are, and how long the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Setting {
    pub(super) n: u16,
    pub(super) payload: usize,
    pub(super) clients: u32,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            n,
            payload,
            clients,
        } = self;
        let s = if *clients == 1 { "" } else { "s" };
        write!(f, "n = {n}, {payload} B, {clients} client{s}")
    }
}

/// The results of one measurement.
pub(super) struct Measurement {
    pub(super) measured: Measured,
    /// The requests that replicas got for each command, if they were counted.
    pub(super) messages: Option<f64>,
}

/// Whether commands that end are counted, and whether more of them begin.
#[derive(Default)]
struct Phase {
    counts: AtomicBool,
    ended: AtomicBool,
}

/// Measures a system. `dir` is where the replicas' files are, if they have any.
pub(super) fn measure(
    args: &args::Systems,
    candidate: &dyn Candidate,
    setting: Setting,
    dir: Option<&Path>,
) -> Result<Measurement, Error> {
    let mut replicas = Replicas::start(candidate.serves(), setting.n, dir)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(args.threads.into())
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let tallies: Vec<_> = (0..setting.clients).map(|_| Tally::new()).collect();
    let clients = clients(args, candidate, setting, &replicas, &tallies);
    let (used, commands) = runtime.block_on(clients)?;
    let requests = replicas.requests()?;
    let calls = Tally::sum(&tallies);
    if calls.latencies.is_empty() {
        return Err(Error::NoCommand {
            system: candidate.name(),
            error: calls
                .error
                .unwrap_or_else(|| "none ended in time".to_string()),
        });
    }
    Ok(Measurement {
        measured: Measured::new(calls, used),
        messages: requests.map(|requests| requests as f64 / commands as f64),
    })
}

/// Lets clients have commands executed. Returns what those that were counted used, and how many there were, with those that were not
/// counted.
async fn clients(
    args: &args::Systems,
    candidate: &dyn Candidate,
    setting: Setting,
    replicas: &Replicas,
    tallies: &[Tally],
) -> Result<(Used, u64), Error> {
    let manager: Manager = peer::manager(replicas.peers()).connect().await?;
    let sessions = (1..).zip(tallies).map(|(id, tally)| Session {
        client: candidate.client(id, manager.configuration()),
        conflicts: candidate.conflicts(),
        own_key: format!("client {id}"),
        value: "v".repeat(setting.payload),
        tally: tally.clone(),
    });
    let sessions: Vec<_> = sessions.collect();
    // These may take longer, for instance until there is a leader.
    let first = try_join_all(sessions.iter().map(Session::execute)).await;
    let first = first.map_err(|error| Error::NoCommand {
        system: candidate.name(),
        error,
    })?;
    let phase = Arc::<Phase>::default();
    let mut running = JoinSet::new();
    for session in sessions {
        running.spawn(session.run(Arc::clone(&phase)));
    }
    tokio::time::sleep(Duration::from_millis(args.warmup)).await;
    let duration = Duration::from_millis(args.duration);
    let used = using(duration, || replicas.cpu(), &phase.counts, tallies).await;
    phase.ended.store(true, Ordering::Relaxed);
    let commands = running.join_all().await.into_iter().sum::<u64>() + first.len() as u64;
    tokio::time::sleep(ARRIVAL).await;
    manager.close();
    Ok((used, commands))
}

/// What a client does.
struct Session {
    client: Box<dyn Client>,
    conflicts: f64,
    own_key: String,
    value: String,
    tally: Tally,
}

impl Session {
    /// Has one command executed. If that fails, returns why.
    fn execute(&self) -> BoxFuture<'_, Result<(), String>> {
        let key = match fastrand::f64() < self.conflicts {
            true => SHARED,
            false => &self.own_key,
        };
        self.client.execute(key, &self.value)
    }

    /// Has one command after the other executed. Returns how many.
    async fn run(self, phase: Arc<Phase>) -> u64 {
        let mut commands = 0;
        let mut start = Instant::now();
        while !phase.ended.load(Ordering::Relaxed) {
            let outcome = self.execute().await;
            let end = Instant::now();
            if phase.counts.load(Ordering::Relaxed) {
                self.tally.take(end - start, outcome);
            }
            start = end;
            commands += 1;
            tokio::task::coop::consume_budget().await;
        }
        commands
    }
}
