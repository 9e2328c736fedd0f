//! The cost of a node that accepts connections and never reads from them: quorum calls at a steady rate on two replicas
//! and one such node, over TCP, with their latency and the memory of the process.
//!
//! ```sh
//! cargo run --release -p tests --example black_hole -- [CALLS PER SECOND] [SECONDS]
//! ```

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use gorums_runtime::{Context, Manager, Replies, Server};
use tests::golden::storage::storage_gorums::{
    StorageConfiguration, StorageQuorumSpec, StorageReplica, StorageReplicaServer,
};
use tests::golden::storage::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tonic::Status;

/// How many bytes are written by each call.
const VALUE: usize = 100;

/// Decides by two replies.
struct Two;

impl StorageQuorumSpec for Two {
    fn read_qc_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
        (replies.len() >= 2).then(|| replies.take_latest())?
    }

    fn write_qc_qf(
        &self,
        _: &WriteRequest,
        replies: &mut Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        (replies.len() >= 2).then(|| replies.take_latest())?
    }
}

/// Stores nothing.
struct Replica;

impl StorageReplica for Replica {
    async fn read_rpc(&self, _: &Context, _: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(ReadResponse::default())
    }

    async fn write_rpc(&self, _: &Context, _: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(WriteResponse { new: true })
    }

    async fn read_qc(&self, _: &Context, _: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(ReadResponse::default())
    }

    async fn write_qc(&self, _: &Context, _: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(WriteResponse { new: true })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u32>());
    let rate = arguments.next().transpose()?.unwrap_or(10_000);
    let seconds = arguments.next().transpose()?.unwrap_or(10);

    let replicas = [start().await?, start().await?];
    let black_hole = TcpListener::bind("127.0.0.1:0").await?;
    let mut addresses: Vec<_> = replicas.iter().map(|replica| replica.address()).collect();
    addresses.push(black_hole.local_addr()?);
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = black_hole.accept().await {
            connections.push(connection);
        }
    });

    let addresses = addresses.iter().map(ToString::to_string);
    let manager = Manager::builder()
        .addresses(addresses)
        .connect_lazy()
        .await?;
    let storage = StorageConfiguration::new(manager.configuration()).with_spec(Two);
    let refused = count_errors(&manager);
    storage.write_qc(request()).await?;

    println!("{rate} calls per second on two replicas and one node that reads nothing");
    println!("second     calls   refused    p50 ms    p99 ms    max ms   RSS MiB");
    for second in 1..=seconds {
        let latencies = one_second(&storage, rate).await?;
        let at = |share: f64| {
            let index = (latencies.len() - 1) as f64 * share;
            latencies[index as usize].as_secs_f64() * 1000.0
        };
        let refused = refused.swap(0, Ordering::Relaxed);
        let calls = latencies.len();
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        let memory = memory();
        println!("{second:6} {calls:9} {refused:9} {p50:9.3} {p99:9.3} {max:9.3} {memory:9.1}");
    }
    println!("{} calls in flight at the end", manager.calls_in_flight());
    Ok(())
}

/// Makes calls for a second, and returns their sorted latencies.
async fn one_second(
    storage: &StorageConfiguration<Two>,
    rate: u32,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (send, mut receive) = mpsc::unbounded_channel();
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for tick in 0..1000 {
        ticks.tick().await;
        for _ in rate * tick / 1000..rate * (tick + 1) / 1000 {
            let (call, send) = (storage.write_qc(request()), send.clone());
            tokio::spawn(async move {
                let start = Instant::now();
                let outcome = call.await;
                // The receiver is dropped at the first error.
                let _ = send.send(outcome.map(|_| start.elapsed()));
            });
        }
    }
    drop(send);
    let mut latencies = Vec::new();
    while let Some(outcome) = receive.recv().await {
        latencies.push(outcome?);
    }
    latencies.sort_unstable();
    Ok(latencies)
}

fn request() -> WriteRequest {
    WriteRequest {
        key: "key".into(),
        value: "x".repeat(VALUE),
        time: None,
    }
}

async fn start() -> Result<gorums_runtime::server::RunningServer, Box<dyn Error>> {
    let server = Server::new(StorageReplicaServer::new(Replica));
    Ok(server.bind("127.0.0.1:0").await?.start())
}

/// The growing number of calls that failed on a node.
fn count_errors(manager: &Manager) -> Arc<AtomicUsize> {
    let mut errors = manager.node_errors();
    let count = Arc::new(AtomicUsize::new(0));
    let failed = Arc::clone(&count);
    tokio::spawn(async move {
        let mut missed = 0;
        while errors.next().await.is_some() {
            let more = errors.missed() - missed;
            missed += more;
            failed.fetch_add(1 + more as usize, Ordering::Relaxed);
        }
    });
    count
}

/// The memory of the process in MiB; 0 if it is not known.
fn memory() -> f64 {
    let bytes = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem);
    bytes as f64 / f64::from(1 << 20)
}
