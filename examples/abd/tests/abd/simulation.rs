//! Whole systems in memory, at random: crashes with loss of what is not on disk, partitions, slow links.

use abd::proto::registers_gorums::RegistersReplicaServer;
use abd::{Flaw, Replica};
use harness::seeds::{self, Failure};
use harness::simulation::{self, Cluster, Trial};

use crate::registers::Registers;

/// One run with three or five replicas.
fn run(seed: u64, flaw: Option<Flaw>) -> Result<(), Failure> {
    let replicas = if seed % 4 == 3 { 5 } else { 3 };
    simulation::run(async {
        let cluster = Cluster::start(replicas, seed, move |_, disk| {
            let replica = Replica::new(disk).expect("it has written its disk itself");
            RegistersReplicaServer::new(replica.with_flaw(flaw))
        });
        let cluster = cluster.await?;
        let client = |manager| Registers::new(&manager, flaw);
        Trial::default().run(&cluster, seed, client).await?;
        Ok(())
    })
}

#[test]
fn the_registers_are_atomic_whatever_fails() {
    seeds::all_hold(200, |seed| run(seed, None));
}

/// How many seeds each flaw may take until the checks find it.
const FLAWS: [(Flaw, u64); 6] = [
    (Flaw::NoWriteBack, 50),
    (Flaw::SmallQuorum, 50),
    (Flaw::NoQuery, 50),
    (Flaw::AnyTag, 50),
    (Flaw::AckBeforeDisk, 500),
    (Flaw::ShowBeforeDisk, 1000),
];

#[test]
fn each_flaw_is_found() {
    for (flaw, seeds) in FLAWS {
        let seed = seeds::one_fails(seeds, |seed| run(seed, Some(flaw)));
        println!("{flaw:?} is found by seed {seed}");
    }
}
