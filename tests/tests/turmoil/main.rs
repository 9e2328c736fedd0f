//! Calls on node streams, and systems of peers, in a simulated network that fails at random.
//!
//! Each seed is one run. `SEEDS=1000` makes that many runs, and `SEED=42` the one with that seed.

mod connection;
mod faults;
mod replica;
mod systems;
mod thrifty;

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Duration;

use fastrand::Rng;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use gorums_runtime::errors::{ManagerError, NodeError, QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::{CallOptions, Manager, NodeId};
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered::{Reply, Request};
use tests::numbered_replica::request;
use tests::spec::Count;
use tokio::time::Instant;
use tonic::Code;
use turmoil::Sim;
use turmoil::net::TcpStream;

use faults::Faults;
use replica::{History, serve};

/// The number of runs without `SEEDS`.
const SEEDS: u64 = 20;
const REPLICAS: u32 = 3;
const CALLS: u64 = 400;
const PORT: u16 = 4000;

/// How long after its deadline a call may end.
const GRACE: Duration = Duration::from_millis(10);

#[test]
fn calls_end_in_time_and_in_order_whatever_fails() {
    runs(SEEDS, run);
}

/// Makes the runs that the environment asks for, or `seeds` of them, on all processors.
fn runs(seeds: u64, run: impl Fn(u64) + Sync) {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let run = |seed| {
        println!("SEED={seed}");
        run(seed);
    };
    if let Some(seed) = number("SEED") {
        return run(seed);
    }
    let seeds = number("SEEDS").unwrap_or(seeds);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for first in 0..threads as u64 {
            scope.spawn(move || (first..seeds).step_by(threads).for_each(run));
        }
    });
}

/// One run.
fn run(seed: u64) {
    let mut sim = simulation(seed);
    let history = serve_all(&mut sim, REPLICAS);
    sim.client("client", call_at_random(Rng::with_seed(seed)));
    let mut faults = Faults::new(seed, REPLICAS);
    while !sim.step().expect("no call goes wrong") {
        faults.step(&mut sim);
    }
    history.check_order();
    history.check_once();
}

/// A network that has no faults yet.
fn simulation(seed: u64) -> Sim<'static> {
    // The random choices of the runtime itself.
    fastrand::seed(seed);
    turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(120))
        .tick_duration(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        // The network drops what exceeds its capacity.
        .tcp_capacity(1 << 20)
        .build()
}

/// Starts replicas. Returns what they have handled.
fn serve_all(sim: &mut Sim<'_>, replicas: u32) -> History {
    let history = History::default();
    for number in 1..=replicas {
        let history = history.clone();
        sim.host(host(number), move || serve(number, history.start()));
    }
    history
}

/// A manager of the replicas.
async fn manager(replicas: u32) -> Result<Manager, ManagerError> {
    let mut builder = Manager::builder()
        .connector(TcpStream::connect::<SocketAddr>)
        .connect_timeout(Duration::from_millis(300))
        // The network does not retransmit: a partition that drops data stalls its connection.
        .keep_alive(Duration::from_millis(200), Duration::from_millis(200));
    for number in 1..=replicas {
        let address = SocketAddr::new(turmoil::lookup(host(number)), PORT);
        builder = builder.node(NodeId::new(number), address.to_string());
    }
    builder.connect_lazy().await
}

fn host(number: u32) -> String {
    format!("replica-{number}")
}

/// Makes calls of all types, and checks their outcomes.
async fn call_at_random(mut rng: Rng) -> Result<(), Box<dyn Error>> {
    let manager = manager(REPLICAS).await?;
    let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(2));
    let (mut calls, mut successes) = (Vec::new(), 0);
    for number in 1..=CALLS {
        tokio::time::sleep(Duration::from_millis(rng.u64(0..30))).await;
        let timeout = Duration::from_millis(rng.u64(5..500));
        let numbered = numbered.with_options(CallOptions::new().timeout(timeout));
        let mut call = in_time(number, timeout, make(numbered, rng.u32(..), number)).boxed();
        match (&mut call).now_or_never() {
            Some(success) => successes += usize::from(success),
            None => calls.push(tokio::spawn(call)),
        }
    }
    for call in calls {
        successes += usize::from(call.await?);
    }
    assert!(successes > 0, "some calls are made while nothing is broken");
    assert_eq!(manager.calls_in_flight(), 0);
    Ok(())
}

/// Whether a call succeeds. It must end in time.
fn in_time(
    number: u64,
    timeout: Duration,
    call: impl Future<Output = bool>,
) -> impl Future<Output = bool> {
    let ended = tokio::time::timeout_at(Instant::now() + timeout + GRACE, call);
    ended.map(move |ended| ended.unwrap_or_else(|_| panic!("call {number} does not end")))
}

/// A call of the type `kind`, which starts at the latest when it is polled. Returns whether it succeeds.
fn make(
    numbered: NumberedConfiguration<Count>,
    kind: u32,
    number: u64,
) -> BoxFuture<'static, bool> {
    let request = request(number);
    let node = numbered
        .nodes()
        .nth((kind / 8 % REPLICAS) as usize)
        .expect("a node");
    let replies = Request { size: 5, ..request };
    match kind % 8 {
        0 => {
            let call = numbered.quorum(request).start();
            Box::pin(async move { decided(call.await).is_some_and(|reply| is_of(number, &reply)) })
        }
        1 => {
            let call = numbered.r#async(request).all();
            Box::pin(async move {
                decided(call.await)
                    .is_some_and(|all| all.iter().all(|(_, reply)| is_of(number, reply)))
            })
        }
        2 => Box::pin(async move {
            let mut responses = numbered.aggregate(request).responses();
            let mut replies = 0;
            while let Some((_, outcome)) = responses.next().await {
                replies += u32::from(answered(outcome).is_some_and(|reply| is_of(number, &reply)));
            }
            replies == REPLICAS
        }),
        3 => Box::pin(async move {
            answered(node.call(request).await).is_some_and(|reply| is_of(number, &reply))
        }),
        4 => {
            let call = node.unicast(request);
            Box::pin(async move { answered(call.await).is_some() })
        }
        5 => {
            let call = numbered.multicast(request);
            Box::pin(async move {
                let sent = call.await;
                let errors = sent.as_ref().err().map_or(&[][..], |error| error.errors());
                errors.iter().for_each(check);
                sent.is_ok()
            })
        }
        6 => Box::pin(async move {
            let mut responses = numbered.watch(replies).responses();
            let mut replies = 0;
            while let Some((_, outcome)) = responses.next().await {
                replies += u32::from(answered(outcome).is_some_and(|reply| is_of(number, &reply)));
            }
            replies == 5 * REPLICAS
        }),
        // Withdrawn.
        _ => {
            let call = numbered.aggregate(request).first().start();
            Box::pin(async move {
                tokio::task::yield_now().await;
                drop(call);
                true
            })
        }
    }
}

/// The result of a quorum call, if it has one. Its error must be an expected one.
fn decided<T>(outcome: Result<T, QuorumCallError>) -> Option<T> {
    outcome
        .inspect_err(|error| {
            use QuorumCallErrorKind::{DeadlineExceeded, Incomplete};
            assert!(
                matches!(error.kind(), DeadlineExceeded | Incomplete),
                "{error}"
            );
            error.errors().iter().for_each(check);
        })
        .ok()
}

/// The reply of a node, if it has one. Its error must be an expected one.
fn answered<T>(outcome: Result<T, NodeError>) -> Option<T> {
    outcome.inspect_err(check).ok()
}

fn check(error: &NodeError) {
    assert!(
        matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded),
        "{error}"
    );
}

/// Always true: panics when the reply belongs to another call.
fn is_of(number: u64, reply: &Reply) -> bool {
    assert_eq!(reply.number, number);
    true
}
