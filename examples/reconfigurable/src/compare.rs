//! What concurrent changes cost with each algorithm.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::{try_join_all, try_join3};
use gorums_runtime::errors::ManagerError;
use gorums_runtime::quorum::Quorums;
use gorums_runtime::{CallOptions, Manager, NodeId};
use harness::cluster::{Cluster, ClusterError};
use harness::peer;
use reconfigurable::proto::register_gorums::RegisterReplicaServer;
use reconfigurable::proto::{Algorithm, Blueprint};
use reconfigurable::{
    Access, Client, Network, NetworkError, Operation, OperationError, Reconfigurable, Replica,
    Request, Session,
};

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("RAMBO", Algorithm::Rambo),
    ("DynaStore", Algorithm::DynaStore),
    ("SpSnStore", Algorithm::SpSnStore),
    ("SmartMerge", Algorithm::SmartMerge),
];

/// How often the changes are made with each algorithm, each time on new nodes.
const ROUNDS: u32 = 5;

/// How many replicas there are at first.
const INITIAL: u32 = 3;

/// How many operations are timed before the changes.
const QUIET: u32 = 10;

/// The most concurrent changes.
const MOST: u32 = 32;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    #[error("give from 1 to {MOST} concurrent changes")]
    Changes,
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Manager(#[from] ManagerError),
    #[error(transparent)]
    Output(#[from] io::Error),
    #[error(transparent)]
    Operation(#[from] OperationError<NetworkError>),
}

/// What was measured with one algorithm.
#[derive(Debug, Default)]
struct Costs {
    quiet_reads: Vec<Duration>,
    quiet_writes: Vec<Duration>,
    reads: Vec<Duration>,
    writes: Vec<Duration>,
    /// How long each round's changes took together. Then nobody needs the replicas that were removed.
    changes: Vec<Duration>,
    /// The requests of those that changed the replicas.
    requests: u64,
}

/// Runs a number of concurrent changes with each algorithm, and prints what they cost.
pub(crate) async fn run(changes: u32, out: &mut impl Write) -> Result<(), CompareError> {
    if !(1..=MOST).contains(&changes) {
        return Err(CompareError::Changes);
    }
    writeln!(
        out,
        "{:10}  {:>15}  {:>19}  {:>15}  {:>19}  {:>8}  {:>15}",
        "",
        "reads before",
        "during changes",
        "writes before",
        "during changes",
        "requests",
        "old replicas"
    )?;
    writeln!(
        out,
        "{:10}  {:>15}  {:>19}  {:>15}  {:>19}  {:>8}  {:>15}",
        "", "median ms", "median, max ms", "median ms", "median, max ms", "a change", "needed, ms"
    )?;
    let mut all = ALGORITHMS.map(|(name, algorithm)| (name, algorithm, Costs::default()));
    for _ in 0..ROUNDS {
        let replica = |_: &_, disk| Replica::new(disk).map(RegisterReplicaServer::new);
        let cluster = Cluster::start(INITIAL + changes, replica).await?;
        let manager = peer::manager(cluster.peers()).connect().await?;
        for (_, algorithm, costs) in &mut all {
            costs.measure(&manager, *algorithm, changes).await?;
        }
    }
    for (name, _, mut costs) in all {
        let requests = costs.requests / u64::from(ROUNDS * changes);
        writeln!(
            out,
            "{name:10}  {:>15}  {:>19}  {:>15}  {:>19}  {requests:>8}  {:>15}",
            median(&mut costs.quiet_reads),
            median_and_max(&mut costs.reads),
            median(&mut costs.quiet_writes),
            median_and_max(&mut costs.writes),
            median(&mut costs.changes),
        )?;
    }
    Ok(())
}

impl Costs {
    /// One client reads and one writes while `changes` others add a replica each, and remove one while there are old ones left.
    async fn measure(
        &mut self,
        manager: &Manager,
        algorithm: Algorithm,
        changes: u32,
    ) -> Result<(), CompareError> {
        let [served, changed] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        let client = |id, requests: &Arc<AtomicU64>| {
            let options = CallOptions::new().timeout(TIMEOUT);
            let access = Counted {
                network: Network::new(manager.clone(), options),
                requests: Arc::clone(requests),
            };
            let initial = Blueprint::of(1..=INITIAL);
            Client::new(algorithm, Session::new(id, access, initial))
        };
        let [reader, writer] = [1, 2].map(|id| client(id, &served));
        for _ in 0..QUIET {
            self.quiet_writes.push(timed(&writer, write()).await?);
            self.quiet_reads
                .push(timed(&reader, Operation::Read).await?);
        }
        let changes = (1..=changes).map(|n| {
            let client = client(2 + u64::from(n), &changed);
            let removed = (n <= INITIAL).then_some(n);
            let change = Blueprint::change([INITIAL + n], removed);
            async move { client.reconfigure(change).await }
        });
        let is_done = AtomicBool::new(false);
        let serve = async |client, operation: fn() -> Operation, times: &mut Vec<Duration>| {
            while !is_done.load(Ordering::Relaxed) {
                times.push(timed(client, operation()).await?);
            }
            Ok(())
        };
        let began = Instant::now();
        let change = async {
            try_join_all(changes).await?;
            is_done.store(true, Ordering::Relaxed);
            Ok::<_, CompareError>(began.elapsed())
        };
        let reads = serve(&reader, || Operation::Read, &mut self.reads);
        let writes = serve(&writer, write, &mut self.writes);
        let (took, (), ()) = try_join3(change, reads, writes).await?;
        self.changes.push(took);
        self.requests += changed.load(Ordering::Relaxed);
        Ok(())
    }
}

fn write() -> Operation {
    Operation::Write("a value".to_owned())
}

/// How long an operation takes.
async fn timed(
    client: &impl Reconfigurable<Error = NetworkError>,
    operation: Operation,
) -> Result<Duration, CompareError> {
    let began = Instant::now();
    client.perform(operation).await?;
    Ok(began.elapsed())
}

fn median(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let median = times.get(times.len() / 2);
    median.map_or_else(|| "-".to_owned(), |median| milliseconds(*median))
}

fn median_and_max(times: &mut [Duration]) -> String {
    let median = median(times);
    let max = times.last().copied().unwrap_or_default();
    format!("{median}, {:>7}", milliseconds(max))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

/// Counts the requests.
#[derive(Debug)]
struct Counted {
    network: Network,
    requests: Arc<AtomicU64>,
}

impl Access for Counted {
    type Error = NetworkError;

    async fn call<R: Request>(
        &self,
        replicas: Vec<NodeId>,
        request: R,
        quorums: &Quorums<NodeId>,
    ) -> Result<Vec<R::Reply>, NetworkError> {
        let requests = replicas.len() as u64;
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.network.call(replicas, request, quorums).await
    }

    async fn pause(&self) {
        self.network.pause().await;
    }
}
