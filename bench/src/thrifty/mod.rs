//! Measures quorum calls to all nodes, to one quorum, and hedged, on replicas whose replies are late now and then. The client
//! and the replicas are in one process, and connected over loopback.

mod cluster;
mod figures;
mod kind;
mod replica;
mod table;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::args;
use crate::error::Error;
use crate::load::histogram;
use crate::payload;
use crate::proto::reads_gorums::ReadsConfiguration;
use cluster::Cluster;
use figures::Figures;
use kind::Kind;

/// Requests arrive within this time after they were sent, even those whose calls did not wait for a reply.
const ARRIVAL: Duration = Duration::from_millis(10);

/// Measures, and prints a table.
pub(crate) fn run(args: &args::Thrifty) -> Result<(), Error> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(args.threads.into())
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let figures = runtime.block_on(all(args))?;
    print!("{}", table::of(args, &figures));
    Ok(())
}

/// Lets all kinds of calls take their turns, so that what else the machine does affects all of them.
async fn all(args: &args::Thrifty) -> Result<[Figures; Kind::ALL.len()], Error> {
    let cluster = Cluster::start(args).await?;
    let service = cluster.service();
    let services = Kind::ALL.map(|kind| kind.of(&service, args));
    let mut figures = Kind::ALL.map(|_| Figures::new());
    for _ in 0..args.rounds {
        for (service, figures) in services.iter().zip(&mut figures) {
            calls(service, args, Duration::from_millis(args.warmup)).await?;
            settle(args).await;
            let (before, start) = (cluster.requests(), Instant::now());
            let latencies = calls(service, args, Duration::from_millis(args.duration)).await?;
            let elapsed = start.elapsed();
            settle(args).await;
            figures.add(&latencies, elapsed, cluster.requests() - before);
        }
    }
    cluster.end().await?;
    Ok(figures)
}

/// Waits until all requests have arrived, and the late replies as well.
async fn settle(args: &args::Thrifty) {
    tokio::time::sleep(Duration::from_millis(args.late_by) + ARRIVAL).await;
}

/// Keeps calls in flight for this time. Returns how long they took, in nanoseconds.
async fn calls(
    service: &ReadsConfiguration,
    args: &args::Thrifty,
    duration: Duration,
) -> Result<Histogram<u64>, Error> {
    let mut tasks = JoinSet::new();
    for _ in 0..args.concurrency {
        tasks.spawn(one_after_the_other(service.clone(), args.payload, duration));
    }
    let mut all = histogram();
    for taken in tasks.join_all().await {
        // All have the same bounds.
        let _ = all.add(taken?);
    }
    Ok(all)
}

/// Makes one call after the other for this time. Returns how long they took, in nanoseconds.
async fn one_after_the_other(
    service: ReadsConfiguration,
    bytes: usize,
    duration: Duration,
) -> Result<Histogram<u64>, Error> {
    let payload = payload::of(bytes);
    let mut taken = histogram();
    let begin = Instant::now();
    let mut start = begin;
    while start - begin < duration {
        let call = service.read(payload.clone()).majority();
        call.await.map_err(|error| Error::NoCall {
            system: "node streams",
            error: error.to_string(),
        })?;
        let end = Instant::now();
        let nanoseconds = u64::try_from((end - start).as_nanos()).unwrap_or(u64::MAX);
        taken.saturating_record(nanoseconds);
        start = end;
        tokio::task::coop::consume_budget().await;
    }
    Ok(taken)
}
