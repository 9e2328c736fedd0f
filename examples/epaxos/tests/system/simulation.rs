//! Whole systems in memory, at random: crashes with loss of what is not on disk, partitions, slow links.

use epaxos::{Flaw, Member};
use harness::seeds::{self, Failure};
use harness::simulation::{self, Cluster, Trial};
use harness::workload::Workload;

use crate::registers::Registers;

/// One run with three or five replicas.
fn run(seed: u64, flaw: Option<Flaw>) -> Result<(), Failure> {
    let replicas = if seed % 4 == 3 { 5 } else { 3 };
    simulation::run(async {
        let cluster = Cluster::start(replicas, seed, move |system, disk| {
            Member::with_flaw(system, disk, flaw).expect("it has written its disk itself")
        });
        let trial = Trial {
            workload: Workload {
                swaps: true,
                ..Workload::default()
            },
            ..Trial::default()
        };
        trial
            .run(&cluster.await?, seed, |manager| Registers::new(&manager))
            .await?;
        Ok(())
    })
}

#[test]
fn the_map_is_linearizable_whatever_fails() {
    seeds::all_hold(200, |seed| run(seed, None));
}

/// How many seeds each flaw may take until the checks find it. The others are rarer here than in the tests of the
/// protocol alone.
const FLAWS: [(Flaw, u64); 6] = [
    (Flaw::SmallerFastQuorum, 50),
    (Flaw::RepliesNotMerged, 100),
    (Flaw::FastVolatile, 200),
    (Flaw::VotesVolatile, 50),
    (Flaw::SeqIgnored, 300),
    (Flaw::CyclesUnsorted, 100),
];

#[test]
fn each_flaw_is_found() {
    for (flaw, seeds) in FLAWS {
        let seed = seeds::one_fails(seeds, |seed| run(seed, Some(flaw)));
        println!("{flaw:?} is found by seed {seed}");
    }
}
