//! Systems of peers in a simulated network that fails at random, and then heals.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use futures::stream::unfold;
use futures::{StreamExt, TryFutureExt};
use gorums_runtime::{Backoff, Connectivity, NodeId, System, SystemBuilder};
use tests::member::{Member, register};
use tests::register::ReadRequest;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

use super::{GRACE, PORT, runs};

/// The number of runs without `SEEDS`.
const SEEDS: u64 = 200;
const MEMBERS: u32 = 3;

/// How long the network fails.
const UNREST: Duration = Duration::from_secs(3);

/// How long the members may take to find each other once it has healed.
const RECOVERY: Duration = Duration::from_secs(10);

/// The longest time of a call.
const TIMEOUT: Duration = Duration::from_millis(300);

/// How long a system that has stopped may take to leave nothing behind.
const QUIET: Duration = Duration::from_secs(3);

/// The systems that run now, by their ids, and whether they are to stop.
#[derive(Clone)]
struct Running {
    systems: Arc<Mutex<BTreeMap<u32, System>>>,
    stop: Arc<watch::Sender<bool>>,
}

impl Running {
    fn new() -> Self {
        Self {
            systems: Arc::default(),
            stop: Arc::new(watch::Sender::new(false)),
        }
    }

    fn all(&self) -> Vec<System> {
        let systems = self.systems.lock().expect("not poisoned");
        systems.values().cloned().collect()
    }

    fn insert(&self, id: u32, system: System) {
        let mut systems = self.systems.lock().expect("not poisoned");
        systems.insert(id, system);
    }

    fn remove(&self, id: u32) {
        let mut systems = self.systems.lock().expect("not poisoned");
        systems.remove(&id);
    }

    /// Waits until the systems are to stop.
    async fn stopping(&self) {
        let mut stop = self.stop.subscribe();
        // Its sender is here.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// Who shall be a member, and on which port of its host, in the eyes of whoever operates the system.
#[derive(Clone)]
struct Plan(Arc<Mutex<BTreeMap<u32, Planned>>>);

#[derive(Clone, Copy)]
struct Planned {
    port: u16,
    is_member: bool,
}

impl Plan {
    fn new() -> Self {
        let planned = Planned {
            port: PORT,
            is_member: true,
        };
        let all = (1..=MEMBERS).map(|id| (id, planned));
        Self(Arc::new(Mutex::new(all.collect())))
    }

    fn of(&self, id: u32) -> Planned {
        self.0.lock().expect("not poisoned")[&id]
    }

    fn address(&self, id: u32) -> String {
        format!("{}:{}", name(id), self.of(id).port)
    }

    fn change(&self, id: u32, change: impl FnOnce(&mut Planned)) {
        let mut all = self.0.lock().expect("not poisoned");
        change(all.get_mut(&id).expect("all are planned"));
    }

    /// Makes the members that `system` knows those of the plan, all the time.
    async fn follow(&self, system: &System) {
        loop {
            for id in (1..=MEMBERS).filter(|id| *id != system.id().get()) {
                let known = system.manager().node(NodeId::new(id));
                let address = self.address(id);
                match (self.of(id).is_member, known) {
                    (false, Ok(_)) => system.remove_member(id).expect("it is known"),
                    (true, Err(_)) => {
                        let added = system.add_member(id, &address);
                        added.expect("its id and its address are free");
                    }
                    (true, Ok(node)) if node.address() != address => {
                        let moved = system.replace_address(id, &address);
                        moved.expect("its address is free");
                    }
                    _ => {}
                }
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[test]
fn members_find_each_other_again_and_lose_no_event_whatever_fails_moves_or_lies() {
    runs(SEEDS, run);
}

fn name(id: u32) -> String {
    format!("member-{id}")
}

/// One run.
fn run(seed: u64) {
    fastrand::seed(seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(60))
        .tick_duration(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(10))
        .tcp_capacity(1 << 20)
        .build();
    let running = Running::new();
    let plan = Plan::new();
    for id in 1..=MEMBERS {
        let (running, plan) = (running.clone(), plan.clone());
        sim.host(name(id), move || member(id, running.clone(), plan.clone()));
    }
    let mut unrest = Unrest::new(seed, plan.clone());
    let (impostor_of, begin, end) = unrest.impostor();
    sim.client("impostor", impostor(impostor_of, begin, end, plan.clone()));
    sim.client("observer", observe(running, plan));
    while !sim.step().expect("no member goes wrong") {
        unrest.step(&mut sim);
    }
}

/// A process that is member `id` of the plan as it is now.
fn builder(id: u32, plan: &Plan) -> SystemBuilder {
    let members = (1..=MEMBERS).filter(|other| *other == id || plan.of(*other).is_member);
    let members = members.map(|id| (id, plan.address(id)));
    System::builder(id, members).manager(|manager| {
        manager
            .resolver(|address| async move { resolve(&address) })
            .connector(TcpStream::connect::<SocketAddr>)
            .connect_timeout(Duration::from_millis(200))
            .backoff(Backoff::new(
                Duration::from_millis(20),
                Duration::from_millis(200),
            ))
            // The network does not retransmit: a partition that drops data stalls its connection.
            .keep_alive(Duration::from_millis(100), Duration::from_millis(100))
    })
}

/// A member until it crashes. It calls all members all the time.
async fn member(id: u32, running: Running, plan: Plan) -> Result<(), Box<dyn Error>> {
    let builder = builder(id, &plan);
    let listener = TcpListener::bind(("0.0.0.0", plan.of(id).port)).await?;
    let incoming = unfold(listener, |listener| async move {
        let accepted = listener.accept().await;
        Some((accepted.map(|(stream, _)| stream), listener))
    });
    let system = builder.accept(incoming.boxed()).await?;
    let serving = system.serve(Member::server(&system))?;
    running.insert(id, system.clone());
    let events = events_alternate(system.connectivity());
    tokio::select! {
        () = events => unreachable!("the system is not stopped"),
        () = plan.follow(&system) => unreachable!(),
        () = call_for_ever(&system) => unreachable!(),
        () = running.stopping() => {}
    }
    assert!(alive_tasks() > 0, "it serves");
    serving.stop().await?;
    drop(system);
    running.remove(id);
    nothing_is_left().await;
    Ok(())
}

/// Checks that no task is left in this process.
async fn nothing_is_left() {
    let stopped = Instant::now();
    while alive_tasks() > 0 {
        assert!(
            stopped.elapsed() < QUIET,
            "{} tasks are left",
            alive_tasks()
        );
        sleep(Duration::from_millis(1)).await;
    }
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// A process at another address that claims to be member `id` for a time. The others have to do without that member, and
/// have it again afterwards.
async fn impostor(
    id: u32,
    begin: Duration,
    end: Duration,
    plan: Plan,
) -> Result<(), Box<dyn Error>> {
    sleep(begin).await;
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let incoming = unfold(listener, |listener| async move {
        let accepted = listener.accept().await;
        Some((accepted.map(|(stream, _)| stream), listener))
    });
    let system = builder(id, &plan).accept(incoming.boxed()).await?;
    let serving = system.serve(Member::server(&system))?;
    sleep(end - begin).await;
    serving.stop().await?;
    drop(system);
    nothing_is_left().await;
    Ok(())
}

fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let (name, port) = address.split_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    let port = port.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(vec![SocketAddr::new(turmoil::lookup(name), port)])
}

/// Checks that each node is connected and disconnected in turn.
async fn events_alternate(connectivity: Connectivity) {
    let mut connected = BTreeSet::new();
    let mut events = connectivity.events();
    while let Some(event) = events.next().await {
        let id = event.node_id();
        let is_news = match event.is_connected() {
            true => connected.insert(id),
            false => connected.remove(&id),
        };
        assert!(is_news, "{event:?} changes nothing");
    }
}

/// Makes nested calls, each of which has to end in time.
async fn call_for_ever(system: &System) {
    let register = register(system);
    loop {
        let start = Instant::now();
        let call = register.read(ReadRequest {}).timeout(TIMEOUT);
        let ended = timeout(TIMEOUT + GRACE, call.into_future().map_ok(drop)).await;
        assert!(ended.is_ok(), "a call that began at {start:?} does not end");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the network has healed, and then for the members to find each other.
async fn observe(running: Running, plan: Plan) -> Result<(), Box<dyn Error>> {
    sleep(UNREST).await;
    let healed = Instant::now();
    let all: BTreeSet<NodeId> = (1..=MEMBERS).map(NodeId::new).collect();
    loop {
        let systems = running.all();
        let sees_all = |system: &System| system.connectivity().connected() == all;
        if systems.len() == all.len() && systems.iter().all(sees_all) {
            break;
        }
        assert!(healed.elapsed() < RECOVERY, "{:?}", running.all());
        sleep(Duration::from_millis(10)).await;
    }
    for system in running.all() {
        assert_eq!(system.configuration().size(), all.len());
        for node in system.configuration().nodes() {
            assert!(system.connectivity().is_connected(node.id()));
            if node.id() != system.id() {
                assert_eq!(node.address(), plan.address(node.id().get()));
            }
        }
    }
    running.stop.send_replace(true);
    while !running.all().is_empty() {
        assert!(healed.elapsed() < 2 * RECOVERY, "{:?}", running.all());
        sleep(Duration::from_millis(10)).await;
    }
    // Each process checks that nothing is left in it.
    sleep(QUIET).await;
    Ok(())
}

/// Breaks and mends members and the links between them.
struct Unrest {
    rng: Rng,
    elapsed: Duration,
    /// When the next fault is due.
    next: Duration,
    crashed: BTreeSet<u32>,
    plan: Plan,
}

impl Unrest {
    fn new(seed: u64, plan: Plan) -> Self {
        Self {
            rng: Rng::with_seed(seed.wrapping_add(1)),
            elapsed: Duration::ZERO,
            next: Duration::from_millis(100),
            crashed: BTreeSet::new(),
            plan,
        }
    }

    /// Which member an impostor claims to be, from when until when.
    fn impostor(&mut self) -> (u32, Duration, Duration) {
        let unrest = u64::try_from(UNREST.as_millis()).expect("it is short");
        let begin = self.rng.u64(0..unrest - 1);
        let end = self.rng.u64(begin + 1..=unrest);
        let id = self.rng.u32(1..=MEMBERS);
        (id, Duration::from_millis(begin), Duration::from_millis(end))
    }

    /// Starts a member again, perhaps on another port.
    fn restart(&mut self, id: u32, sim: &mut turmoil::Sim<'_>) {
        if self.rng.bool() {
            self.plan.change(id, |planned| planned.port += 1);
        }
        sim.bounce(name(id));
    }

    fn step(&mut self, sim: &mut turmoil::Sim<'_>) {
        let before = self.elapsed;
        self.elapsed += Duration::from_millis(1);
        if before < UNREST && self.elapsed >= UNREST {
            self.heal(sim);
        } else if self.elapsed < UNREST && self.elapsed >= self.next {
            self.next += Duration::from_millis(self.rng.u64(20..400));
            self.fail(sim);
        }
    }

    fn fail(&mut self, sim: &mut turmoil::Sim<'_>) {
        let one = self.rng.u32(1..=MEMBERS);
        let other = (one + self.rng.u32(0..MEMBERS - 1)) % MEMBERS + 1;
        match self.rng.u32(0..9) {
            0 | 1 if self.crashed.remove(&one) => self.restart(one, sim),
            0 | 1 => {
                self.crashed.insert(one);
                sim.crash(name(one));
            }
            2 => sim.partition(name(one), name(other)),
            3 => sim.partition_oneway(name(one), name(other)),
            4 => sim.hold(name(one), name(other)),
            5 => sim.release(name(one), name(other)),
            6 | 7 => self.plan.change(one, |planned| planned.is_member ^= true),
            _ => sim.repair(name(one), name(other)),
        }
    }

    fn heal(&mut self, sim: &mut turmoil::Sim<'_>) {
        for id in 1..=MEMBERS {
            self.plan.change(id, |planned| planned.is_member = true);
        }
        for id in std::mem::take(&mut self.crashed) {
            self.restart(id, sim);
        }
        for one in 1..=MEMBERS {
            for other in one + 1..=MEMBERS {
                sim.release(name(one), name(other));
                sim.repair(name(one), name(other));
            }
        }
    }
}
