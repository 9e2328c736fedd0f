//! The whole system: replicas, managers, calls and faults.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use gorums_runtime::errors::{ManagerError, NodeError};
use gorums_runtime::{Backoff, Manager, ManagerBuilder, Transport};
use tests::numbered::numbered_gorums::NumberedNode;
use tests::numbered::{Reply, Request};
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::REPLICAS;
use crate::calls::{self, Deadlines};
use crate::churn;
use crate::figures::Figures;
use crate::nemesis::{self, Fault};
use crate::record::Record;
use crate::replicas::{Replicas, Role, id};
use crate::suspects::{MOST, Suspects};

/// How many calls with deadlines are in flight per manager, and how many without.
const CALLERS: [(Deadlines, u64); 2] = [(Deadlines::Always, 8), (Deadlines::Never, 4)];

/// How long the callers and faults may take to stop.
const REST: Duration = Duration::from_secs(120);

/// How often figures are sampled until they are steady.
const SAMPLE: Duration = Duration::from_millis(500);

/// The whole system.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) record: Arc<Record>,
    pub(crate) suspects: Suspects,
    pub(crate) replicas: Replicas,
    /// One for each transport.
    pub(crate) managers: [Manager; 2],
    /// Whether calls are made and faults injected.
    running: watch::Sender<bool>,
    /// The number of faults and of managers besides the two.
    busy: AtomicUsize,
    numbers: AtomicU64,
}

/// A fault or a manager that exists.
pub(crate) struct Busy<'a>(&'a World);

impl World {
    /// Starts the replicas, and the callers and faults, which are paused at first.
    pub(crate) async fn start(
        seed: u64,
        faults: Vec<Fault>,
        record: Arc<Record>,
    ) -> Result<Arc<Self>, Box<dyn Error>> {
        let replicas = Replicas::start()?;
        let managers = [
            connect(&replicas, Transport::NodeStream).await?,
            connect(&replicas, Transport::Grpc).await?,
        ];
        let world = Arc::new(Self {
            record,
            suspects: Suspects::default(),
            replicas,
            managers,
            running: watch::Sender::new(false),
            busy: AtomicUsize::new(0),
            numbers: AtomicU64::new(1),
        });
        let mut seeds = Rng::with_seed(seed);
        for _ in 0..MOST {
            on_a_thread(nemesis::run(
                Arc::clone(&world),
                faults.clone(),
                seeds.fork(),
            ))?;
        }
        for manager in 0..world.managers.len() {
            for (deadlines, callers) in CALLERS {
                for _ in 0..callers {
                    let world = Arc::clone(&world);
                    tokio::spawn(calls::run(world, manager, deadlines, seeds.fork()));
                }
            }
        }
        tokio::spawn(churn::run(Arc::clone(&world), seeds.fork()));
        on_a_thread(watch_replicas(Arc::clone(&world)))?;
        Ok(world)
    }

    pub(crate) fn resume(&self) {
        self.running.send_replace(true);
    }

    pub(crate) fn pause(&self) {
        self.running.send_replace(false);
    }

    /// Waits while the callers and faults are paused.
    pub(crate) async fn resumed(&self) {
        // The sender is held here.
        let _ = self.running.subscribe().wait_for(|running| *running).await;
    }

    /// Waits for this time, or until the callers and faults are paused.
    pub(crate) async fn wait(&self, time: Duration) {
        let mut running = self.running.subscribe();
        let _ = tokio::time::timeout(time, running.wait_for(|running| !*running)).await;
    }

    pub(crate) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// A number that no earlier request has used.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A call to one node with one manager, in a short time.
    pub(crate) async fn probe(&self, manager: usize, index: usize) -> Result<Reply, NodeError> {
        let node = NumberedNode::new(self.managers[manager].node(id(index))?);
        let request = Request {
            number: self.number(),
            ..Request::default()
        };
        node.call(request).timeout(Duration::from_secs(2)).await
    }

    /// The figures of a quiet state.
    pub(crate) async fn quiet(&self) -> Figures {
        let start = Instant::now();
        while self.under_way() > 0 || self.busy.load(Ordering::Relaxed) > 0 {
            if start.elapsed() > REST {
                self.record.violation(&format!(
                    "calls or faults did not end: {} calls, {} faults and managers, {:?} on node streams",
                    self.record.in_flight(),
                    self.busy.load(Ordering::Relaxed),
                    self.managers.each_ref().map(Manager::calls_in_flight),
                ));
                break;
            }
            tokio::time::sleep(SAMPLE).await;
        }
        for manager in 0..self.managers.len() {
            for index in 0..REPLICAS {
                if let Err(error) = self.probe(manager, index).await {
                    self.record.violation(&format!("in a quiet state: {error}"));
                }
            }
        }
        // Managers that were dropped have two seconds to end.
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.steady().await
    }

    /// The figures once tasks and descriptors have not changed for a while.
    async fn steady(&self) -> Figures {
        let figures = || Figures::of(&self.replicas.processes());
        let mut before = figures();
        let mut same = 0;
        for _ in 0..40 {
            tokio::time::sleep(SAMPLE).await;
            let now = figures();
            same = if now.counts() == before.counts() {
                same + 1
            } else {
                0
            };
            before = now;
            if same == 6 {
                break;
            }
        }
        before
    }

    fn under_way(&self) -> u64 {
        let on_streams = self.managers.iter().map(Manager::calls_in_flight);
        self.record.in_flight() + on_streams.sum::<usize>() as u64
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs the code that starts and ends processes, which blocks, on its own thread. The thread never ends, because the
/// processes that it started would end with it. Nor does its runtime, while the program's own runtime ends.
fn on_a_thread(work: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(work));
    Ok(())
}

/// A manager of all replicas that has not connected yet.
pub(crate) fn builder(replicas: &Replicas, transport: Transport) -> ManagerBuilder {
    let second = Duration::from_secs(1);
    let mut builder = Manager::builder()
        .transport(transport)
        .backoff(Backoff::new(second / 20, second));
    for index in 0..REPLICAS {
        builder = builder.node(id(index), replicas.address(index));
    }
    match transport {
        Transport::Grpc => builder.keep_alive(5 * second, 5 * second),
        _ => builder,
    }
}

/// A manager that is connected to all replicas once they are up.
async fn connect(replicas: &Replicas, transport: Transport) -> Result<Manager, ManagerError> {
    let mut attempts = 0;
    loop {
        match builder(replicas, transport).connect().await {
            Err(_) if attempts < 50 => tokio::time::sleep(Duration::from_millis(100)).await,
            outcome => return outcome,
        }
        attempts += 1;
    }
}

/// Replaces replicas that exit by themselves.
async fn watch_replicas(world: Arc<World>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for index in 0..REPLICAS {
            if let Some(status) = world.replicas.exited(index) {
                let id = id(index);
                world
                    .record
                    .violation(&format!("replica {id} exited: {status}"));
                if let Err(error) = world.replicas.serve(index, Role::Honest) {
                    world.record.violation(&format!("replica {id}: {error}"));
                }
            }
        }
    }
}
