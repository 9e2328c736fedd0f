//! A schedule that random runs do not find.

use std::mem;

use epaxos::{Command, Flaw, InstanceId, Operation};
use gorums_runtime::NodeId;

use crate::checks::Violation;
use crate::world::World;

const A: NodeId = NodeId::new(1);
const B: NodeId = NodeId::new(2);
const C: NodeId = NodeId::new(3);

fn put(client: u64) -> Vec<Command> {
    vec![Command {
        client,
        sequence: 1,
        key: "k".to_owned(),
        operation: Operation::Put(client.to_string()),
    }]
}

/// One quorum call of `leader`, whose requests reach only the replicas of `reached`.
fn call(world: &mut World, leader: NodeId, reached: &[NodeId]) -> Result<(), Violation> {
    while world.flush(leader)? {}
    for request in mem::take(&mut world.network) {
        if request.from == leader && reached.contains(&request.to) {
            world.deliver(request)?;
        }
    }
    for &replica in reached {
        while world.flush(replica)? {}
    }
    for reply in mem::take(&mut world.network) {
        if reply.to == leader {
            world.deliver(reply)?;
        }
    }
    Ok(())
}

/// A no-op, accepted by one replica in a low ballot, competes with a command that a majority has pre-accepted in a
/// higher one. If it wins, a replica of that majority forgets the command, and gives way to another that interferes
/// with it.
fn no_op_against_pre_accepted(flaw: Option<Flaw>) -> Result<(), Violation> {
    let mut world = World::new(3, flaw);
    let instance = InstanceId {
        replica: A,
        number: 1,
    };
    // Nobody hears of what A proposes.
    world.propose(A, put(1));
    call(&mut world, A, &[])?;
    // Ballot 1.2: B and C know nothing. Only C accepts the no-op.
    world.recover(B, instance);
    call(&mut world, B, &[B, C])?;
    call(&mut world, B, &[C])?;
    // Ballot 1.1 is too low. In 2.1, A and B pre-accept the command, and A accepts it.
    world.recover(A, instance);
    call(&mut world, A, &[])?;
    world.recover(A, instance);
    call(&mut world, A, &[A, B])?;
    call(&mut world, A, &[A, B])?;
    call(&mut world, A, &[A])?;
    // Ballot 3.2: B has pre-accepted the command in 2.1, C has accepted the no-op in 1.2. B votes again, and restarts.
    world.recover(B, instance);
    call(&mut world, B, &[B, C])?;
    call(&mut world, B, &[B])?;
    world.crash(B);
    world.start(B)?;
    // C and B commit a command that interferes.
    world.propose(C, put(2));
    call(&mut world, C, &[C, B])?;
    call(&mut world, C, &[])?;
    // Ballot 4.1: A has accepted the command in 2.1, and C the no-op in 1.2. They commit the command.
    world.recover(A, instance);
    call(&mut world, A, &[])?;
    world.recover(A, instance);
    call(&mut world, A, &[A, C])?;
    call(&mut world, A, &[A, C])?;
    call(&mut world, A, &[])?;
    assert!(world.knows(A, instance), "ballot 4.1 succeeds");
    Ok(())
}

#[test]
fn a_vote_in_a_higher_ballot_wins_against_an_accepted_no_op() {
    assert_eq!(no_op_against_pre_accepted(None), Ok(()));
}

#[test]
fn accepted_values_before_higher_ballots_are_noticed() {
    let violation = "neither of 1.1 and 3.1 depends on the other".to_owned();
    let flaw = Some(Flaw::AcceptedFirst);
    assert_eq!(no_op_against_pre_accepted(flaw), Err(violation));
}
