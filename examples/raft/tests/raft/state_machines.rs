//! The state machines alone, in adversarial orders.

use harness::seeds;
use raft::Flaw;

use crate::model::run;

#[test]
fn the_invariants_hold_whatever_the_order() {
    seeds::all_hold(200, |seed| run(seed, None));
}

/// How many seeds each flaw may take until the checks find it.
const FLAWS: [(Flaw, u64); 9] = [
    (Flaw::SmallQuorum, 50),
    (Flaw::VoteNotPersisted, 100),
    (Flaw::AnswerBeforeDisk, 1000),
    (Flaw::TermNotChecked, 2000),
    (Flaw::LogNotCompared, 50),
    (Flaw::NoJointConfiguration, 500),
    (Flaw::NoSessions, 100),
    (Flaw::ReadWithoutRound, 500),
    (Flaw::OldTermCounted, 1000),
];

#[test]
fn each_flaw_is_found() {
    for (flaw, seeds) in FLAWS {
        let seed = seeds::one_fails(seeds, |seed| run(seed, Some(flaw)));
        println!("{flaw:?} is found by seed {seed}");
    }
}
