//! The client's memory while many calls wait for replies.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::args::{Call, Memory, majority};
use crate::client::{Client, Load};
use crate::error::Error;
use crate::load::{Tally, runtime};
use crate::proto::Payload;
use crate::servers::Servers;
use crate::{payload, report, usage};

/// The servers' delay for replies that must not arrive, in milliseconds.
const NEVER: u64 = 3_600_000;

/// How long the client must be idle before all calls count as in flight.
const QUIET: Duration = Duration::from_millis(150);

/// How long to wait for that to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many calls are started at once: HTTP/2 servers take thousands for an attack.
const BURST: u32 = 100;

/// The memory of calls that wait for replies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) calls: u32,
    pub(crate) n: usize,
    /// The growth of the client's resident memory, in bytes per call and node.
    pub(crate) resident: f64,
    /// The growth of the client's allocations, in bytes per call and node, if they are counted.
    pub(crate) allocated: Option<f64>,
    /// The client's peak memory, in bytes.
    pub(crate) peak_memory: Option<u64>,
}

/// Measures one system, and prints the results. A process can do so only once, because its memory does not shrink.
pub(crate) fn run(args: &Memory) -> Result<(), Error> {
    let n = usize::from(args.n);
    let servers = Servers::start_with(&args.setup, n, |_| NEVER)?;
    let runtime = runtime(&args.setup)?;
    let waiting = runtime.block_on(measure(args, &servers))?;
    runtime.shutdown_background();
    report::waiting(args.system, &waiting, args.json);
    Ok(())
}

async fn measure(args: &Memory, servers: &Servers) -> Result<Waiting, Error> {
    let n = servers.grpc.len();
    let client = Client::connect(args.system, servers, majority(n), args.setup.metrics).await?;
    let tally = Tally::new();
    let many = Many {
        calls: args.calls,
        payload: payload::of(args.payload),
        tally: tally.clone(),
    };
    quiet().await;
    let (resident, allocated) = (
        usage::memory().ok_or(Error::NoProc)?,
        usage::allocated().unwrap_or(0),
    );
    let started = client.put_under(many, Call::Quorum);
    // It ends, unless it panics, which prints a message.
    let _ = started.await;
    quiet().await;
    let per_call = |after: u64, before: u64| {
        after.saturating_sub(before) as f64 / (f64::from(args.calls) * n as f64)
    };
    let waiting = Waiting {
        calls: args.calls,
        n,
        resident: per_call(usage::memory().ok_or(Error::NoProc)?, resident),
        allocated: usage::allocated().map(|bytes| per_call(bytes, allocated)),
        peak_memory: usage::peak_memory(),
    };
    let ended = Tally::sum(&[tally]);
    let count = ended.errors + ended.latencies.len();
    if count > 0 {
        return Err(Error::Ended {
            system: args.system.name(),
            calls: args.calls,
            ended: count,
            error: ended.error.unwrap_or_else(|| {
                "they were answered; start the servers with a longer --delay".to_string()
            }),
        });
    }
    Ok(waiting)
}

/// Waits until this process is idle.
async fn quiet() {
    let start = Instant::now();
    let mut before = usage::cpu();
    while start.elapsed() < PATIENCE {
        tokio::time::sleep(QUIET).await;
        let after = usage::cpu();
        let used = after.zip(before).map(|(after, before)| after - before);
        // Checking takes some time itself.
        if used.is_none_or(|used| used < QUIET / 100) {
            return;
        }
        before = after;
    }
}

/// Calls that end only on an error.
struct Many {
    calls: u32,
    payload: Payload,
    tally: Tally,
}

impl Load for Many {
    type Output = JoinHandle<()>;

    fn of<C, F>(self, call: C) -> JoinHandle<()>
    where
        C: Fn(&Payload) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        tokio::spawn(async move {
            for number in 1..=self.calls {
                let call = call(&self.payload);
                let tally = self.tally.clone();
                tokio::spawn(async move {
                    let outcome = call.await;
                    tally.take(Duration::ZERO, outcome);
                });
                if number.is_multiple_of(BURST) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        })
    }
}
