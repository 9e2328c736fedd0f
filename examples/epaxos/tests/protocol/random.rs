//! Random runs, each of which its seed determines.

use std::ops::AddAssign;

use epaxos::{Command, Flaw, InstanceId, Operation};
use fastrand::Rng;

use crate::checks::Violation;
use crate::world::World;

/// How many steps a run has before the network heals.
const STEPS: usize = 400;

/// How often things happen in a run.
#[derive(Debug)]
struct Weather {
    /// Commands that clients send in all.
    commands: u64,
    keys: u64,
    /// Per cent of messages that are lost, or delivered twice.
    lost: u32,
    twice: u32,
    /// Of 1,000 steps.
    recoveries: u32,
    crashes: u32,
    impatience: u32,
    /// Whether a message is likely to overtake older ones.
    reorders: bool,
}

impl Weather {
    fn random(rng: &mut Rng) -> Self {
        Self {
            commands: rng.u64(2..12),
            keys: rng.u64(1..3),
            lost: rng.choice([0, 5, 30]).unwrap_or_default(),
            twice: rng.choice([0, 10]).unwrap_or_default(),
            recoveries: rng.choice([0, 20, 100, 250]).unwrap_or_default(),
            crashes: rng.choice([0, 10, 30]).unwrap_or_default(),
            impatience: rng.choice([0, 50]).unwrap_or_default(),
            reorders: rng.bool(),
        }
    }
}

/// What happened in runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) commits: usize,
    pub(crate) fast: usize,
    pub(crate) recovered: usize,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.commits += other.commits;
        self.fast += other.fast;
        self.recovered += other.recovered;
    }
}

/// One run. In the end all replicas run and reach each other, and have executed everything.
pub(crate) fn run(seed: u64, flaw: Option<Flaw>) -> Result<Statistics, Violation> {
    let mut rng = Rng::with_seed(seed);
    let weather = Weather::random(&mut rng);
    let mut world = World::new(rng.choice([3, 3, 5]).unwrap_or(3), flaw);
    let mut commands: Vec<Command> = Vec::new();
    for _ in 0..STEPS {
        let replica = world.replicas[rng.usize(..world.replicas.len())];
        match rng.u32(..1000) {
            dice if dice < weather.recoveries => {
                let instances: Vec<InstanceId> = world.checks.proposed().collect();
                if let Some(instance) = rng.choice(instances) {
                    world.recover(replica, instance);
                }
            }
            250..280 if dice(&mut rng, weather.crashes * 33) => world.crash(replica),
            280..350 => world.start(replica)?,
            350..400 if dice(&mut rng, weather.impatience * 20) => {
                if let Some(call) = rng.choice(world.calls(replica)) {
                    world.hurry(replica, call)?;
                }
            }
            400..450 => {
                let batch = batch(&mut rng, &weather, &mut commands);
                if !batch.is_empty() {
                    world.propose(replica, batch);
                }
            }
            450..650 => {
                world.flush(replica)?;
            }
            _ => arrive(&mut rng, &weather, &mut world)?,
        }
    }
    heal(&mut rng, &mut world)?;
    Ok(Statistics {
        commits: world.checks.commits(),
        fast: world.fast,
        recovered: world.recovered,
    })
}

/// Whether something happens that does so in `per_mille` of 1,000 cases.
fn dice(rng: &mut Rng, per_mille: u32) -> bool {
    rng.u32(..1000) < per_mille
}

/// New commands, or one that a client sends again.
fn batch(rng: &mut Rng, weather: &Weather, commands: &mut Vec<Command>) -> Vec<Command> {
    if dice(rng, 100)
        && let Some(again) = rng.choice(commands.iter())
    {
        return vec![again.clone()];
    }
    let number = commands.len() as u64;
    let new = (number..weather.commands)
        .take(rng.usize(1..3))
        .map(|number| Command {
            client: rng.u64(..3),
            sequence: number,
            key: rng.u64(..weather.keys).to_string(),
            operation: match rng.u32(..4) {
                0 => Operation::Get,
                1 => Operation::CompareAndSwap {
                    expected: None,
                    new: number.to_string(),
                },
                _ => Operation::Put(number.to_string()),
            },
        });
    let new: Vec<Command> = new.collect();
    commands.extend(new.iter().cloned());
    new
}

/// A message arrives, or does not.
fn arrive(rng: &mut Rng, weather: &Weather, world: &mut World) -> Result<(), Violation> {
    if world.network.is_empty() {
        return Ok(());
    }
    let latest = world.network.len();
    let at = match weather.reorders {
        true => rng.usize(..latest),
        false => rng.usize(..latest.min(6)),
    };
    let message = world.network.remove(at);
    if dice(rng, weather.lost * 10) {
        return world.lose(message, rng.bool());
    }
    if dice(rng, weather.twice * 10) {
        world.network.push(message.clone());
    }
    world.deliver(message)
}

/// All that is under way comes to an end, and what is unfinished is recovered.
fn heal(rng: &mut Rng, world: &mut World) -> Result<(), Violation> {
    let replicas = world.replicas.clone();
    for &replica in &replicas {
        world.start(replica)?;
    }
    settle(rng, world)?;
    let instances: Vec<InstanceId> = world.checks.proposed().collect();
    for &replica in &replicas {
        for &instance in &instances {
            let mut recoveries = 0;
            while !world.knows(replica, instance) {
                world.recover(replica, instance);
                settle(rng, world)?;
                recoveries += 1;
                if recoveries > 10 {
                    return Err(format!("{replica} cannot recover {instance}"));
                }
            }
        }
    }
    world.checks.end(&replicas)
}

fn settle(rng: &mut Rng, world: &mut World) -> Result<(), Violation> {
    let replicas = world.replicas.clone();
    loop {
        let mut idle = world.network.is_empty();
        while !world.network.is_empty() {
            let message = world.network.swap_remove(rng.usize(..world.network.len()));
            world.deliver(message)?;
        }
        for &replica in &replicas {
            while world.flush(replica)? {
                idle = false;
            }
        }
        if idle {
            return Ok(());
        }
    }
}
