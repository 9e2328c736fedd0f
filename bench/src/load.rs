//! Calls in a closed or an open loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::args::{Call, Run, Setup, System};
use crate::client::Client;
use crate::error::Error;
use crate::measured::{Measured, Used, histogram};
use crate::proto::Payload;
use crate::servers::Servers;
use crate::{payload, report, usage};

/// How calls follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loop {
    /// As many at once, each followed by the next.
    Closed(u32),
    /// As many per second, whether or not those before have ended.
    Open(u64),
}

/// How many calls of an open loop may be under way. Beyond it the system is overloaded, and its calls are errors.
const MOST_IN_FLIGHT: usize = 20_000;

/// The calls so far.
struct Tally {
    latencies: Mutex<Histogram<u64>>,
    errors: AtomicU64,
    error: Mutex<Option<String>>,
    /// Whether calls count: not while warming up.
    counts: AtomicBool,
}

impl Tally {
    fn new() -> Self {
        Self {
            latencies: Mutex::new(histogram()),
            errors: AtomicU64::new(0),
            error: Mutex::new(None),
            counts: AtomicBool::new(false),
        }
    }

    fn fail(&self, error: String) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
    }
}

/// The runtime of the client.
pub(crate) fn runtime(setup: &Setup) -> Result<Runtime, Error> {
    let mut builder = match setup.threads {
        0 => Builder::new_current_thread(),
        threads => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads.into());
            builder
        }
    };
    builder.enable_all().build().map_err(Error::Runtime)
}

/// Measures one system, and shows what was measured.
pub(crate) fn run(args: &Run) -> Result<(), Error> {
    Client::check(args.system, args.call)?;
    let servers = Servers::start(&args.setup, args.n.into(), args.slow)?;
    let quorum = args.quorum.map_or(servers.grpc.len() / 2 + 1, usize::from);
    let how = match args.rate {
        Some(rate) => Loop::Open(rate),
        None => Loop::Closed(args.concurrency),
    };
    let payload = payload::of(args.payload);
    let measured = measure(
        &args.setup,
        args.system,
        &servers,
        quorum,
        args.call,
        how,
        &payload,
    )?;
    report::one(args.system, &measured, args.json);
    Ok(())
}

/// Measures one system on servers that run.
pub(crate) fn measure(
    setup: &Setup,
    system: System,
    servers: &Servers,
    quorum: usize,
    call: Call,
    how: Loop,
    payload: &Payload,
) -> Result<Measured, Error> {
    let runtime = runtime(setup)?;
    let payload = Arc::new(payload.clone());
    let measured = runtime.block_on(async {
        let client = Client::connect(system, servers, quorum).await?;
        let warmup = Duration::from_millis(setup.warmup);
        let duration = Duration::from_millis(setup.duration);
        let tally = Arc::new(Tally::new());
        let loops = match how {
            Loop::Closed(concurrency) => closed(&client, call, &payload, concurrency, &tally),
            Loop::Open(rate) => open(client.clone(), call, payload, rate, Arc::clone(&tally)),
        };
        tokio::time::sleep(warmup).await;
        tally.counts.store(true, Ordering::Relaxed);
        let (cpu, server_cpu) = (usage::cpu(), servers.cpu());
        let allocations = usage::allocations();
        let start = Instant::now();
        tokio::time::sleep(duration).await;
        tally.counts.store(false, Ordering::Relaxed);
        let used = Used {
            elapsed: start.elapsed(),
            client_cpu: difference(usage::cpu(), cpu),
            server_cpu: difference(servers.cpu(), server_cpu),
            allocations: usage::allocations()
                .zip(allocations)
                .map(|(after, before)| after - before),
        };
        drop(loops);
        let latencies = tally
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let error = tally
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let errors = tally.errors.load(Ordering::Relaxed);
        if latencies.is_empty() {
            return Err(Error::NoCall {
                system: system.name(),
                error: error.unwrap_or_else(|| "none ended in time".to_string()),
            });
        }
        Ok(Measured::new(&latencies, errors, error, used))
    });
    runtime.shutdown_background();
    measured
}

fn difference(after: Option<Duration>, before: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

/// Calls of which each is followed by the next.
fn closed(
    client: &Client,
    call: Call,
    payload: &Arc<Payload>,
    concurrency: u32,
    tally: &Arc<Tally>,
) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    for _ in 0..concurrency {
        let (client, payload, tally) = (client.clone(), Arc::clone(payload), Arc::clone(tally));
        loops.spawn(async move {
            loop {
                let start = Instant::now();
                let outcome = client.call(call, &payload).await;
                tally.take(start, outcome);
            }
        });
    }
    loops
}

/// Calls at a fixed rate. A call's latency counts from when it should have started, so that a system that falls behind
/// is not spared the calls that it delays.
fn open(
    client: Client,
    call: Call,
    payload: Arc<Payload>,
    rate: u64,
    tally: Arc<Tally>,
) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    loops.spawn(async move {
        let between = Duration::from_secs_f64(1.0 / rate as f64);
        let mut calls = JoinSet::new();
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut due = Instant::now();
        loop {
            ticks.tick().await;
            while due <= Instant::now() {
                if calls.len() >= MOST_IN_FLIGHT {
                    tally.fail(format!("{MOST_IN_FLIGHT} calls are under way"));
                } else {
                    let (client, payload) = (client.clone(), Arc::clone(&payload));
                    let (tally, start) = (Arc::clone(&tally), due);
                    calls.spawn(async move {
                        let outcome = client.call(call, &payload).await;
                        tally.take(start, outcome);
                    });
                }
                due += between;
            }
            while calls.try_join_next().is_some() {}
        }
    });
    loops
}

impl Tally {
    /// Takes a call in that started at `start`.
    fn take(&self, start: Instant, outcome: Result<(), String>) {
        if !self.counts.load(Ordering::Relaxed) {
            return;
        }
        match outcome {
            Ok(()) => {
                let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let mut latencies = self
                    .latencies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                latencies.saturating_record(nanoseconds);
            }
            Err(error) => self.fail(error),
        }
    }
}
