//! The protocol under adversarial orders: messages are delayed, reordered, lost and duplicated, and replicas crash.

mod calls;
mod checks;
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

/// How many seeds each flaw may take until the checks find it.
const FLAWS: [(Flaw, u64); 12] = [
    (Flaw::SmallerFastQuorum, 50),
    (Flaw::BallotsUnchecked, 50),
    (Flaw::SingleBallot, 100),
    (Flaw::RepliesNotMerged, 50),
    (Flaw::AcceptedIgnored, 50),
    (Flaw::AcceptedFirst, 20_000),
    (Flaw::LeaderCounted, 50),
    (Flaw::FastUnchecked, 500),
    (Flaw::FastVolatile, 200),
    (Flaw::VotesVolatile, 50),
    (Flaw::SeqIgnored, 100),
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
