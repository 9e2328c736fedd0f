//! Thrifty and hedged calls while replicas crash, hang and are cut off.

use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

use fastrand::Rng;
use futures::FutureExt;
use gorums_runtime::{CallOptions, NodeId, Thrifty};
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered_replica::request;
use tests::spec::Count;
use tonic::Code;

use super::faults::Faults;
use super::{decided, host, in_time, is_of, manager, runs, serve_all, simulation};

/// The number of runs without `SEEDS`.
const SEEDS: u64 = 40;
const REPLICAS: u32 = 5;
const CALLS: u64 = 300;

/// So often, in steps, all replicas hang together, and so long.
const HANGING: (u32, u32) = (1500, 100);

#[test]
fn thrifty_calls_end_in_time_with_a_quorum_and_ask_no_replica_twice_whatever_fails() {
    runs(SEEDS, run);
}

fn run(seed: u64) {
    let mut sim = simulation(seed);
    let history = serve_all(&mut sim, REPLICAS);
    sim.client("client", call_at_random(Rng::with_seed(seed)));
    let mut faults = Faults::new(seed, REPLICAS);
    let (every, long) = HANGING;
    let mut steps = 0;
    while !sim.step().expect("no call goes wrong") {
        steps += 1;
        match steps % every {
            0 => (1..=REPLICAS).for_each(|number| sim.hold(host(number), "client")),
            step if step == long && steps > every => {
                (1..=REPLICAS).for_each(|number| sim.release(host(number), "client"));
            }
            step if step > long => faults.step(&mut sim),
            _ => {}
        }
    }
    history.check_once();
}

/// Makes calls of all strategies, and checks their outcomes.
async fn call_at_random(mut rng: Rng) -> Result<(), Box<dyn Error>> {
    let manager = manager(REPLICAS).await?;
    let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(3));
    let majority = manager.configuration().majority();
    let first = [1, 2, 3].map(NodeId::new).to_vec();
    let last = [3, 4, 5].map(NodeId::new).to_vec();
    let strategies = [
        Thrifty::fastest(&majority).hedge_after(Duration::from_millis(60)),
        Thrifty::fastest(&majority).hedge_at_percentile(0.9, Duration::from_millis(50)),
        Thrifty::uniform(&majority)
            .hedge_after(Duration::from_millis(30))
            .hedge_budget(0.5, 20),
        Thrifty::uniform(&majority).hedge_on([Code::Unavailable]),
        Thrifty::distribution(&majority, [(first, 1.0), (last, 2.0)])?,
    ];
    let (mut calls, mut successes) = (Vec::new(), 0);
    for number in 1..=CALLS {
        tokio::time::sleep(Duration::from_millis(rng.u64(0..30))).await;
        let timeout = Duration::from_millis(rng.u64(5..500));
        let thrifty = &strategies[rng.usize(..strategies.len())];
        let options = CallOptions::new().timeout(timeout).thrifty(thrifty);
        let numbered = numbered.with_options(options);
        let call = numbered.aggregate(request(number)).quorum_of(&majority);
        let call = async move {
            decided(call.await).is_some_and(|replies| {
                let nodes: HashSet<NodeId> = replies.node_ids().collect();
                assert_eq!((nodes.len(), replies.len()), (3, 3));
                replies.iter().all(|(_, reply)| is_of(number, reply))
            })
        };
        let mut call = in_time(number, timeout, call).boxed();
        match (&mut call).now_or_never() {
            Some(success) => successes += u64::from(success),
            None => calls.push(tokio::spawn(call)),
        }
    }
    for call in calls {
        successes += u64::from(call.await?);
    }
    // In some runs three replicas are broken most of the time.
    assert!(
        successes > CALLS / 20,
        "only {successes} calls were decided"
    );
    assert_eq!(manager.calls_in_flight(), 0);
    Ok(())
}
