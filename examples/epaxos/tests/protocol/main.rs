//! The protocol under adversarial orders: messages are delayed, reordered, lost and duplicated, and replicas crash.

mod calls;
mod checks;
mod directed;
mod random;
mod world;

use std::sync::Mutex;

use epaxos::Flaw;
use harness::seeds;

use random::Statistics;

#[test]
fn no_order_of_events_breaks_the_protocol() {
    let all = Mutex::new(Statistics::default());
    seeds::all_hold(200, |seed| {
        let statistics = random::run(seed, None)?;
        *all.lock().expect("nobody panics with the lock") += statistics;
        Ok(())
    });
    let all = all.into_inner().expect("nobody panics with the lock");
    println!("{all:?}");
    if !seeds::is_single() {
        assert!(all.fast > 0 && all.recovered > 0 && all.fast < all.commits);
    }
}

/// How many seeds each flaw may take until the checks find it. `AcceptedFirst` takes a [schedule](directed).
const FLAWS: [(Flaw, u64); 11] = [
    (Flaw::SmallerFastQuorum, 100),
    (Flaw::BallotsUnchecked, 100),
    (Flaw::SingleBallot, 1000),
    (Flaw::RepliesNotMerged, 50),
    (Flaw::AcceptedIgnored, 200),
    (Flaw::LeaderCounted, 100),
    (Flaw::FastUnchecked, 2000),
    (Flaw::FastVolatile, 500),
    (Flaw::VotesVolatile, 100),
    (Flaw::SeqIgnored, 200),
    (Flaw::CyclesUnsorted, 50),
];

#[test]
fn each_flaw_is_found() {
    for (flaw, seeds) in FLAWS {
        let seed = seeds::one_fails(seeds, |seed| {
            random::run(seed, Some(flaw))?;
            Ok(())
        });
        println!("{flaw:?} is found by seed {seed}");
    }
}
