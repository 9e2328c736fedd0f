//! The algorithms over a network that a seed decides.

use fastrand::Rng;
use harness::history::Recorder;
use harness::linearizability::check;
use harness::registers::{self, Registers};
use harness::seeds::{self, Failure};
use reconfigurable::proto::{Algorithm, Blueprint};
use reconfigurable::{Client, Flaw, Operation, OperationError, Reconfigurable, Session};

use crate::invariants::Invariants;
use crate::world::{Running, World};

type History = Recorder<registers::Operation<(), u64>, registers::Outcome<u64>>;

/// One run of four clients, three of which also reconfigure.
fn run(algorithm: Algorithm, seed: u64, flaw: Option<Flaw>) -> Result<(), Failure> {
    let world = World::new(seed, flaw, Invariants::new(algorithm));
    let history = History::new();
    let mut rng = Rng::with_seed(!seed);
    let initial = Blueprint::of(1..=rng.u32(1..=4));
    let session = |id| Session::new(id, world.clone(), initial.clone()).with_flaw(flaw);
    let clients: Vec<_> = (1..=4)
        .map(|id| Client::new(algorithm, session(id)))
        .collect();
    // Some runs have few changes, and others little else.
    let changes = rng.u32(1..=4);
    let mut running: Vec<Running<'_>> = Vec::new();
    for (number, client) in (1..).zip(&clients) {
        let (world, history, rng) = (&world, &history, rng.fork());
        let operations = operations(number, client, world, history, rng, changes);
        running.push(Box::pin(operations));
    }
    world.run(&mut running)?;
    world.end_faults();
    for (number, client) in (1..).zip(&clients) {
        let (world, history) = (&world, &history);
        running.push(Box::pin(async move {
            match perform(number, client, world, history, Operation::Read).await? {
                true => Ok(()),
                false => Err("a read fails though nothing does".into()),
            }
        }));
        world.run(&mut running)?;
    }
    check(&history.history(), &Registers::new(0))?;
    Ok(())
}

/// What one client does.
async fn operations(
    number: u32,
    client: &impl Reconfigurable,
    world: &World,
    history: &History,
    mut rng: Rng,
    changes: u32,
) -> Result<(), Failure> {
    for count in 1..=8 {
        let operation = match rng.u32(..4 + changes) {
            0 | 1 => Operation::Read,
            2 | 3 => Operation::Write((u64::from(number) << 32 | u64::from(count)).to_string()),
            _ if number < 4 => {
                // Nobody else adds the same, or removes it at the same time. So some replicas are always left.
                let added = (rng.u32(..4) > 0).then_some(100 * number + count);
                let present = client.configuration().added;
                let few = if added.is_some() { 0 } else { 3 };
                let removed = rng
                    .choice(&present)
                    .filter(|_| present.len() > few && rng.bool());
                let mut change = Blueprint::change(added, removed.copied());
                if rng.u32(..4) == 0 {
                    change = change.tolerating(rng.u64(1..9), rng.u32(..3));
                }
                Operation::Reconfigure(change)
            }
            _ => continue,
        };
        perform(number, client, world, history, operation).await?;
    }
    Ok(())
}

/// Performs and records an operation. Whether it returned.
async fn perform(
    number: u32,
    client: &impl Reconfigurable,
    world: &World,
    history: &History,
    operation: Operation,
) -> Result<bool, Failure> {
    let recorded = match &operation {
        Operation::Read => Some(registers::Operation::Read(())),
        Operation::Write(value) => Some(registers::Operation::Write((), value.parse()?)),
        Operation::Reconfigure(_) => None,
    };
    let pending = recorded.map(|recorded| history.invoke(number.into(), recorded));
    let Ok(stored) = client.perform(operation.clone()).await else {
        return Ok(false);
    };
    if let Some(pending) = pending {
        let returned = &mut world.state().invariants.returned;
        *returned = stored.order().max(*returned);
        pending.returned(match operation {
            Operation::Read if stored.tag.is_none() => registers::Outcome::Read(0),
            Operation::Read => registers::Outcome::Read(stored.value.parse()?),
            _ => registers::Outcome::Written,
        });
    }
    match operation {
        Operation::Reconfigure(change) if !change.is_within(&client.configuration()) => {
            Err(format!("{change} was not included").into())
        }
        _ => Ok(true),
    }
}

#[test]
fn rambo_is_atomic() {
    seeds::all_hold(100, |seed| run(Algorithm::Rambo, seed, None));
}

#[test]
fn smart_merge_is_atomic() {
    seeds::all_hold(100, |seed| run(Algorithm::SmartMerge, seed, None));
}

#[test]
fn dyna_store_is_atomic() {
    seeds::all_hold(100, |seed| run(Algorithm::DynaStore, seed, None));
}

#[test]
fn sp_sn_store_is_atomic() {
    seeds::all_hold(100, |seed| run(Algorithm::SpSnStore, seed, None));
}

pub(crate) const ALL: [Algorithm; 4] = [
    Algorithm::Rambo,
    Algorithm::DynaStore,
    Algorithm::SpSnStore,
    Algorithm::SmartMerge,
];

/// Where the search for each flaw begins, and how many seeds it may take.
const FLAWS: [(Flaw, &[Algorithm], u64, u64); 10] = [
    (Flaw::SmallQuorum, &ALL, 0, 100),
    (Flaw::NoWriteBack, &ALL, 0, 500),
    (Flaw::NoStateTransfer, &ALL, 0, 100),
    (Flaw::NextUnchecked, &ALL, 0, 1000),
    (Flaw::EarlyCur, &ALL, 0, 100),
    (Flaw::BallotUnchecked, &[Algorithm::Rambo], 0, 100),
    (Flaw::VotesNotPersisted, &[Algorithm::Rambo], 0, 1000),
    (Flaw::NoLatticeAgreement, &[Algorithm::SmartMerge], 0, 100),
    // Four clients have to meet for it, which they first do late.
    (Flaw::OneCollect, &[Algorithm::DynaStore], 1000, 1000),
    (Flaw::EagerCommit, &[Algorithm::SpSnStore], 0, 200),
];

#[test]
fn each_flaw_is_found() {
    for (flaw, algorithms, first, seeds) in FLAWS {
        for algorithm in algorithms {
            let seed = seeds::one_fails(seeds, |seed| run(*algorithm, first + seed, Some(flaw)));
            let seed = first + seed;
            println!("{flaw:?} of {algorithm:?} is found by seed {seed}");
        }
    }
}

/// Ten times, all replicas are replaced one by one, and those that only old configurations have are stopped. A client that has
/// slept all the while finds the newest configuration if one replica of the one that it knows is still there.
fn wake_up(algorithm: Algorithm, seed: u64) -> Result<(), Failure> {
    let world = World::new(seed, None, Invariants::new(algorithm));
    world.end_faults();
    let initial = Blueprint::of(1..=3);
    let [active, sleeper, lost] = [1, 2, 3]
        .map(|id| Client::new(algorithm, Session::new(id, world.clone(), initial.clone())));
    let mut running: Vec<Running<'_>> = Vec::new();
    let changes = async {
        active.write("old").await?;
        for n in 1..=10 {
            active.reconfigure(Blueprint::change([n + 3], [n])).await?;
        }
        active.write("new").await?;
        Ok(())
    };
    running.push(Box::pin(async {
        changes
            .await
            .map_err(|error: OperationError<_>| error.to_string().into())
    }));
    world.run(&mut running)?;
    assert_eq!(active.configuration().added, [11, 12, 13]);
    world.settle()?;
    world.remove((1..=10).filter(|id| *id != 2));
    running.push(Box::pin(async {
        assert_eq!(
            sleeper
                .read()
                .await
                .map_err(|it| it.to_string())?
                .as_deref(),
            Some("new")
        );
        Ok(())
    }));
    world.run(&mut running)?;
    world.remove([2]);
    running.push(Box::pin(async {
        let error = lost.read().await.expect_err("nobody is left").to_string();
        assert!(
            error.contains("the client knows the configuration [1, 2, 3]"),
            "{error}"
        );
        Ok(())
    }));
    world.run(&mut running)
}

#[test]
fn a_client_ten_configurations_behind_is_told_the_newest_one() {
    seeds::all_hold(20, |seed| ALL.iter().try_for_each(|it| wake_up(*it, seed)));
}
