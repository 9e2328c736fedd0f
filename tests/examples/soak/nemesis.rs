//! Faults.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use fastrand::Rng;

use crate::replicas::{Role, id};
use crate::world::World;

/// How long, at least, a node remains suspected after its fault is lifted.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// How long a node may take to answer after its fault is lifted.
const RECOVERY: Duration = Duration::from_secs(60);

/// The fault of a node.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Fault {
    /// Its process is killed.
    Killed,
    /// Its process is stopped.
    Stopped,
    /// Its handlers are slow.
    Slow,
    /// It answers with garbage.
    Garbage,
    /// The managers do not have it.
    Removed,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Slow => "slow",
            Self::Garbage => "garbage",
            Self::Removed => "removed",
        }
    }

    /// Its longest duration, in milliseconds.
    fn longest(self) -> u64 {
        match self {
            Self::Stopped => 30_000,
            Self::Slow | Self::Garbage => 20_000,
            Self::Killed | Self::Removed => 10_000,
        }
    }

    async fn inject(self, world: &World, index: usize, rng: &mut Rng) -> io::Result<()> {
        match self {
            Self::Killed => world.replicas.kill(index),
            Self::Stopped => world.replicas.stop(index)?,
            Self::Slow => world.replicas.serve(index, Role::Slow(rng.u64(50..3000)))?,
            Self::Garbage => world.replicas.serve(index, Role::Garbage(rng.u64(..)))?,
            Self::Removed => {
                for manager in &world.managers {
                    manager.remove_node(id(index)).map_err(io::Error::other)?;
                }
            }
        }
        Ok(())
    }

    async fn lift(self, world: &World, index: usize) -> io::Result<()> {
        match self {
            Self::Killed | Self::Slow | Self::Garbage => world.replicas.serve(index, Role::Honest),
            Self::Stopped => world.replicas.go_on(index),
            Self::Removed => {
                let address = world.replicas.address(index);
                for manager in &world.managers {
                    let added = manager.add_node(id(index), &address);
                    added.map_err(io::Error::other)?;
                }
                Ok(())
            }
        }
    }
}

/// Injects one fault after the other, each at one node.
pub(crate) async fn run(world: Arc<World>, faults: Vec<Fault>, mut rng: Rng) {
    loop {
        world.resumed().await;
        world.wait(Duration::from_millis(rng.u64(0..3000))).await;
        let _busy = world.busy();
        let fault = faults[rng.usize(..faults.len())];
        let index = world
            .suspects
            .accuse(fault.name(), |nodes| rng.usize(..nodes));
        if let Err(error) = trouble(&world, fault, index, &mut rng).await {
            let name = fault.name();
            world
                .record
                .violation(&format!("fault {name} at node {}: {error}", id(index)));
        }
        recovered(&world, fault, index).await;
        world.suspects.clear(index);
    }
}

async fn trouble(world: &World, fault: Fault, index: usize, rng: &mut Rng) -> io::Result<()> {
    let time = Duration::from_millis(rng.u64(200..fault.longest()));
    fault.inject(world, index, rng).await?;
    world.wait(time).await;
    fault.lift(world, index).await
}

/// Waits until both managers reach the node.
async fn recovered(world: &World, fault: Fault, index: usize) {
    let start = Instant::now();
    tokio::time::sleep(AFTERWARDS).await;
    for manager in 0..world.managers.len() {
        while let Err(error) = world.probe(manager, index).await {
            if start.elapsed() > RECOVERY {
                let name = fault.name();
                world
                    .record
                    .violation(&format!("no recovery from {name}: {error}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
