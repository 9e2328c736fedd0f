//! Measures the calls of peers: to oneself, nested, from a server to its client, and of all to all; and what a large state
//! on its way to a node costs the calls to it. All processes are in one, and connected over loopback.

mod by_hand;
mod system;

use std::time::{Duration, Instant};

use futures::StreamExt;
use gorums_runtime::errors::NodeError;
use gorums_runtime::server::Clients;
use gorums_runtime::{Manager, Server};
use hdrhistogram::Histogram;
use tokio::runtime::Builder;

use crate::args::Peers;
use crate::error::Error;
use crate::load::histogram;
use crate::payload;
use crate::proto::Payload;
use crate::proto::peers_gorums::{PeersConfiguration, PeersNode, PeersReplicaServer};
use system::{Counted, Member, Members};

/// How much of a snapshot is in one message.
const CHUNK: usize = 32 * 1024;

/// Measures, and prints a table.
pub(crate) fn run(args: &Peers) -> Result<(), Error> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(args.threads.into())
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(all(args))
}

async fn all(args: &Peers) -> Result<(), Error> {
    let loops = Loops {
        duration: Duration::from_millis(args.duration),
        warmup: Duration::from_millis(args.warmup),
        payload: payload::of(args.payload),
    };
    println!(
        "{:<44} {:>12} {:>10} {:>10}",
        "one call at a time", "calls/s", "p50 (us)", "p99 (us)"
    );
    let members = Members::start(3).await?;
    let [itself, other] = [members.node(0, 0)?, members.node(0, 1)?];
    let to_other = loops.run(|payload| ping(&other, payload)).await?;
    row("to another member", &to_other, loops.duration);
    let to_itself = loops.run(|payload| ping(&itself, payload)).await?;
    row("to oneself", &to_itself, loops.duration);
    let nested = loops.run(|payload| nested(&other, payload)).await?;
    row("nested: two hops", &nested, loops.duration);
    drop(members);
    reverse(&loops).await?;

    println!(
        "\n{:<44} {:>12} {:>10}",
        "all to all, one-way", "messages/s", "ratio"
    );
    for n in [3, 5] {
        let by_hand = by_hand::spread(n, &loops).await.map_err(Error::Listen)?;
        let ours = spread(n, &loops).await?;
        println!("{:<44} {by_hand:>12.0}", format!("{n} processes, raw TCP"));
        println!(
            "{:<44} {ours:>12.0} {:>10.2}",
            format!("{n} systems, multicast to all"),
            ours / by_hand
        );
    }
    snapshot(args, &loops).await
}

/// How to measure.
struct Loops {
    duration: Duration,
    warmup: Duration,
    payload: Payload,
}

impl Loops {
    /// Makes one call after the other, and returns how long those after the warm-up took, in nanoseconds.
    async fn run<F>(&self, call: impl Fn(Payload) -> F) -> Result<Histogram<u64>, Error>
    where
        F: Future<Output = Result<(), NodeError>>,
    {
        let begin = Instant::now();
        let mut taken = histogram();
        let mut start = begin;
        while start - begin < self.warmup + self.duration {
            let outcome = call(self.payload.clone()).await;
            outcome.map_err(|error| Error::NoCall {
                system: "peers",
                error: error.to_string(),
            })?;
            let end = Instant::now();
            if end - begin > self.warmup {
                let nanoseconds = u64::try_from((end - start).as_nanos()).unwrap_or(u64::MAX);
                taken.saturating_record(nanoseconds);
            }
            start = end;
            tokio::task::coop::consume_budget().await;
        }
        Ok(taken)
    }
}

fn ping(node: &PeersNode, payload: Payload) -> impl Future<Output = Result<(), NodeError>> + use<> {
    let call = node.ping(payload);
    async move { call.await.map(drop) }
}

fn nested(
    node: &PeersNode,
    payload: Payload,
) -> impl Future<Output = Result<(), NodeError>> + use<> {
    let call = node.nested(payload);
    async move { call.await.map(drop) }
}

fn row(name: &str, taken: &Histogram<u64>, duration: Duration) {
    let per_second = taken.len() as f64 / duration.as_secs_f64();
    let [p50, p99] = [0.5, 0.99].map(|share| taken.value_at_quantile(share) as f64 / 1e3);
    println!("{name:<44} {per_second:>12.0} {p50:>10.1} {p99:>10.1}");
}

/// Calls of a client to its server, and of the server to its client.
async fn reverse(loops: &Loops) -> Result<(), Error> {
    let clients = Clients::new();
    let server = Server::new(PeersReplicaServer::new(Member::alone())).clients(clients.clone());
    let running = server.bind("127.0.0.1:0").await?.start();
    let manager = Manager::builder()
        .address(running.address().to_string())
        .serve(PeersReplicaServer::new(Member::alone()))
        .connect()
        .await?;
    let connected = clients.connectivity().wait_for(1).await;
    connected.map_err(|_| Error::NoServer)?;
    for (name, configuration) in [
        ("a client to its server", manager.configuration()),
        ("a server to its client", clients.configuration()),
    ] {
        let node = PeersConfiguration::new(configuration).nodes().next();
        let node = node.ok_or(Error::NoServer)?;
        let taken = loops.run(|payload| ping(&node, payload)).await?;
        row(name, &taken, loops.duration);
    }
    manager.close();
    running.shutdown().await?;
    Ok(())
}

/// Lets each of `n` systems multicast to all, itself included, as fast as it can. Returns how many messages are handled
/// per second.
async fn spread(n: u32, loops: &Loops) -> Result<f64, Error> {
    let members = Members::start(n).await?;
    let sending: Vec<_> = members
        .services()
        .map(|service| {
            let payload = loops.payload.clone();
            tokio::spawn(async move {
                // Several at a time, as many as a sender of raw TCP has.
                let calls = futures::stream::repeat(payload).map(|payload| service.spread(payload));
                let mut calls = calls.buffer_unordered(by_hand::AHEAD);
                while calls.next().await.is_some_and(|sent| sent.is_ok()) {}
            })
        })
        .collect();
    let handled = members.counted().clone();
    let per_second = per_second(loops, || handled.get()).await;
    for sending in sending {
        sending.abort();
    }
    Ok(per_second)
}

/// How fast a count rises after the warm-up.
async fn per_second(loops: &Loops, count: impl Fn() -> u64) -> f64 {
    tokio::time::sleep(loops.warmup).await;
    let (before, start) = (count(), Instant::now());
    tokio::time::sleep(loops.duration).await;
    (count() - before) as f64 / start.elapsed().as_secs_f64()
}

/// Calls to a node, before and while a large state is on its way to it.
async fn snapshot(args: &Peers, loops: &Loops) -> Result<(), Error> {
    let members = Members::start(2).await?;
    let node = members.node(0, 1)?;
    let mebibytes = args.snapshot;
    println!(
        "\n{:<44} {:>12} {:>10} {:>10}",
        "one call at a time", "calls/s", "p50 (us)", "p99 (us)"
    );
    let before = loops.run(|payload| ping(&node, payload)).await?;
    row("before a snapshot", &before, loops.duration);
    let mut client = node.client();
    let chunks = mebibytes as usize * 1024 * 1024 / CHUNK;
    let chunk = payload::of(CHUNK);
    let sending = tokio::spawn(async move {
        let start = Instant::now();
        let chunks = futures::stream::iter(std::iter::repeat_n(chunk, chunks));
        client.snapshot(chunks).await.map(|_| start.elapsed())
    });
    let mut during = histogram();
    let start = Instant::now();
    while !sending.is_finished() {
        let begin = Instant::now();
        let outcome = ping(&node, loops.payload.clone()).await;
        outcome.map_err(|error| Error::NoCall {
            system: "peers",
            error: error.to_string(),
        })?;
        let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        during.saturating_record(nanoseconds);
        tokio::task::coop::consume_budget().await;
    }
    let name = format!("while {mebibytes} MiB are on their way to the node");
    row(&name, &during, start.elapsed());
    let took = sending
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or(Error::NoServer)?;
    let ratio = during.value_at_quantile(0.99) as f64 / before.value_at_quantile(0.99) as f64;
    let rate = mebibytes as f64 / took.as_secs_f64();
    println!(
        "the snapshot took {took:.2?} ({rate:.0} MiB/s); the p99 of the calls is {ratio:.1} times as long"
    );
    Ok(())
}
