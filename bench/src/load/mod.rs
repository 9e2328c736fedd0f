//! Calls in a closed or an open loop.

mod closed;
mod open;
mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::args::{Run, Setup};
use crate::client::Client;
use crate::error::Error;
use crate::measured::{Measured, Used};
use crate::servers::Servers;
use crate::{payload, report, usage};

use closed::Closed;
use open::Open;
pub(crate) use tally::{Calls, Tally, histogram};

/// How long a measurement may last until a call has ended.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Measures one system, and prints the results.
pub(crate) fn run(args: &Run) -> Result<(), Error> {
    Client::check(args.system, args.call)?;
    let servers = Servers::start(&args.setup, args.n.into(), args.slow)?;
    let quorum = args.quorum_of(servers.grpc.len())?;
    let measured = measure(args, &servers, quorum)?;
    report::one(args.system, &measured, args.json);
    Ok(())
}

/// Measures one system on running servers.
fn measure(args: &Run, servers: &Servers, quorum: usize) -> Result<Measured, Error> {
    let payload = Arc::new(payload::of(args.payload));
    let counts = Arc::new(AtomicBool::new(false));
    let runtime = runtime(&args.setup)?;
    let (tallies, used) = runtime.block_on(async {
        let client = Client::connect(args.system, servers, quorum, args.setup.metrics).await?;
        let tallies = match args.rate {
            Some(rate) => {
                let counts = Arc::clone(&counts);
                let load = Open {
                    rate,
                    payload,
                    counts,
                };
                client.put_under(load, args.call)
            }
            None => {
                let (concurrency, counts) = (args.concurrency, Arc::clone(&counts));
                let load = Closed {
                    concurrency,
                    payload,
                    counts,
                };
                client.put_under(load, args.call)
            }
        };
        tokio::time::sleep(Duration::from_millis(args.setup.warmup)).await;
        let duration = Duration::from_millis(args.setup.duration);
        let used = using(duration, || servers.cpu(), &counts, &tallies).await;
        Ok::<_, Error>((tallies, used))
    })?;
    runtime.shutdown_background();
    let calls = Tally::sum(&tallies);
    if calls.latencies.is_empty() {
        return Err(Error::NoCall {
            system: args.system.name(),
            error: calls
                .error
                .unwrap_or_else(|| "none ended in time".to_string()),
        });
    }
    Ok(Measured::new(calls, used))
}

/// Counts calls for this time, and returns what they used.
pub(crate) async fn using(
    duration: Duration,
    server_cpu: impl Fn() -> Option<Duration>,
    counts: &AtomicBool,
    tallies: &[Tally],
) -> Used {
    let (cpu, cpu_of_servers) = (usage::cpu(), server_cpu());
    let allocations = usage::allocations();
    let start = Instant::now();
    counts.store(true, Ordering::Relaxed);
    tokio::time::sleep(duration).await;
    while !tallies.iter().any(Tally::has_calls) && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    counts.store(false, Ordering::Relaxed);
    Used {
        elapsed: start.elapsed(),
        client_cpu: difference(usage::cpu(), cpu),
        server_cpu: difference(server_cpu(), cpu_of_servers),
        allocations: usage::allocations()
            .zip(allocations)
            .map(|(after, before)| after - before),
        peak_memory: usage::peak_memory(),
    }
}

fn difference(after: Option<Duration>, before: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}
