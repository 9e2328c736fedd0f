//! Whole systems in memory, at random: crashes with loss of what is not on disk, partitions, slow links.

use harness::seeds::{self, Failure};
use harness::simulation::{self, Cluster, Trial};
use reconfigurable::proto::Algorithm;
use reconfigurable::proto::register_gorums::RegisterReplicaServer;
use reconfigurable::{Flaw, Replica};

use crate::adversary::ALL;
use crate::registers::{NODES, clients, workload};

/// One run, which replaces all replicas, with the algorithm that the seed chooses.
fn run(algorithm: Algorithm, seed: u64, flaw: Option<Flaw>) -> Result<(), Failure> {
    simulation::run(async {
        let cluster = Cluster::start(NODES, seed, move |_, disk| {
            let replica = Replica::new(disk).expect("it has written its disk itself");
            RegisterReplicaServer::new(replica.with_flaw(flaw))
        });
        let cluster = cluster.await?;
        let trial = Trial {
            workload: workload(),
            ..Trial::default()
        };
        trial.run(&cluster, seed, clients(algorithm, flaw)).await?;
        Ok(())
    })
}

/// One run with the algorithm that the seed chooses.
fn run_some(seed: u64) -> Result<(), Failure> {
    run(ALL[seed as usize % ALL.len()], seed, None)
}

#[test]
fn the_register_is_atomic_whatever_fails() {
    seeds::all_hold(200, run_some);
}

#[test]
fn a_reconfiguration_that_loses_the_value_is_found() {
    let flaw = Some(Flaw::NoStateTransfer);
    let seed = seeds::one_fails(50, |seed| run(Algorithm::SpSnStore, seed, flaw));
    println!("{flaw:?} is found by seed {seed}");
}
