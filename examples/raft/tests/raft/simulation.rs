//! Whole systems in memory, at random: crashes with loss of what is not on disk, partitions, slow links.

use harness::seeds::{self, Failure};
use harness::simulation::{self, Cluster, Trial};
use harness::workload::Workload;
use raft::{Flaw, Members, Options, Replica};

use crate::registers::Registers;

/// One run with three or five servers.
fn run(seed: u64, flaw: Option<Flaw>) -> Result<(), Failure> {
    let servers = if seed % 4 == 3 { 5 } else { 3 };
    let options = Options {
        // So that servers lag behind snapshots.
        compact_after: 10 + seed % 100,
        ..Options::default()
    };
    simulation::run(async {
        let cluster = Cluster::start(servers, seed, move |system, disk| {
            let nodes = system.configuration();
            let nodes = nodes.nodes();
            let members = Members::new(nodes.map(|it| (it.id(), it.address().to_owned())));
            let replica = Replica::with_options(system, disk, members, options, flaw);
            replica.expect("it has written its disk itself").services()
        });
        let cluster = cluster.await?;
        let trial = Trial {
            workload: Workload {
                swaps: true,
                ..Workload::default()
            },
            ..Trial::default()
        };
        let client = |manager| Registers::new(&manager);
        trial.run(&cluster, seed, client).await?;
        Ok(())
    })
}

#[test]
fn the_map_is_linearizable_whatever_fails() {
    seeds::all_hold(200, |seed| run(seed, None));
}

/// How many seeds each flaw may take until the clients see it.
const FLAWS: [(Flaw, u64); 4] = [
    (Flaw::SmallQuorum, 50),
    (Flaw::AnswerBeforeDisk, 100),
    (Flaw::LogNotCompared, 50),
    (Flaw::NoSessions, 100),
];

#[test]
fn clients_see_flaws() {
    for (flaw, seeds) in FLAWS {
        let seed = seeds::one_fails(seeds, |seed| run(seed, Some(flaw)));
        println!("{flaw:?} is found by seed {seed}");
    }
}
