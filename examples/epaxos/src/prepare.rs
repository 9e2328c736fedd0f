//! Explicit prepare: another replica finishes an instance whose leader has failed (figure 3 of the paper).

use gorums_runtime::NodeId;

use crate::ballot::Ballot;
use crate::command::Commands;
use crate::flaw::Flaw;
use crate::instance::InstanceId;
use crate::quorums::EPaxosQuorums;
use crate::record::{Record, Status, Value, Vote, Write};
use crate::replica::Replica;

/// Asks the replicas to join a ballot, and for what they have voted for in lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepare {
    /// The instance.
    pub instance: InstanceId,
    /// The ballot.
    pub ballot: Ballot,
}

impl Replica {
    /// Joins a new ballot for an instance, to recover it. The write is durable before the Prepares leave, so that the
    /// replica never leads the same ballot twice. `above` is the highest ballot that it has heard of.
    pub fn recover(&mut self, instance: InstanceId, above: Ballot) -> (Prepare, Option<Write>) {
        let bal = self.record(instance).map(|record| record.bal);
        let ballot = bal.map_or(above, |bal| bal.max(above)).next_of(self.id());
        let prepare = Prepare { instance, ballot };
        let (_, write) = self.on_prepare(prepare);
        (prepare, write)
    }

    /// Joins the ballot of a Prepare, unless it has joined a higher one. The reply is its record, either way.
    pub fn on_prepare(&mut self, message: Prepare) -> (Record, Option<Write>) {
        let Prepare { instance, ballot } = message;
        let record = self.record(instance).cloned();
        let mut record = record.unwrap_or_else(|| Record::unseen(instance));
        if ballot <= record.bal {
            return (record, None);
        }
        record.bal = ballot;
        if let Some(vote) = &mut record.vote
            && self.flaw == Some(Flaw::SingleBallot)
        {
            vote.vbal = ballot;
        }
        (record.clone(), Some(self.store(instance, record)))
    }
}

/// How a recovery goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// A replica has joined this ballot, which is higher.
    Outbid(Ballot),
    /// This value was chosen: tell everybody.
    Commit(Value),
    /// Phase 2: this value may have been chosen, or nothing has.
    Accept(Value),
    /// Phase 1: nothing has been chosen, and these commands get new attributes.
    PreAccept(Commands),
}

/// What to do given the promises so far; `None` while they are too few.
///
/// The votes that count are those in the highest ballot of all, as in the paper. This holds whatever their
/// phases: an accepted value does not win against a vote in phase 1 of a higher ballot. See [the
/// proof](crate#recovery).
pub fn recovery(
    prepare: &Prepare,
    promises: &[(NodeId, Record)],
    quorums: &EPaxosQuorums,
    flaw: Option<Flaw>,
) -> Option<Recovery> {
    let highest = promises.iter().map(|(_, promise)| promise.bal).max()?;
    let votes = || {
        let votes = promises.iter();
        votes.filter_map(|(from, promise)| Some((*from, promise.vote.as_ref()?)))
    };
    let value = |vote: &Vote| vote.value.clone();
    if let Some((_, vote)) = votes().find(|(_, vote)| vote.status == Status::Committed) {
        return Some(Recovery::Commit(value(vote)));
    }
    if highest > prepare.ballot {
        return Some(Recovery::Outbid(highest));
    }
    if !quorums
        .slow
        .is_quorum_of(promises.iter().map(|(from, _)| from))
    {
        return None;
    }
    let accepted = |vote: &Vote| vote.status == Status::Accepted;
    let best = match flaw {
        Some(Flaw::AcceptedIgnored) => votes()
            .filter(|(_, vote)| !accepted(vote))
            .max_by_key(|(_, vote)| (vote.vbal, vote.status)),
        Some(Flaw::AcceptedFirst) => {
            votes().max_by_key(|(_, vote)| (accepted(vote), vote.vbal, vote.status))
        }
        _ => votes().max_by_key(|(_, vote)| (vote.vbal, vote.status)),
    };
    let Some((_, best)) = best else {
        return Some(Recovery::Accept(Value::no_op()));
    };
    // The leader's own vote says nothing: if it had committed, it would say so.
    let leader = prepare.instance.replica;
    let unchanged = votes().filter(|(from, vote)| {
        (*from != leader || flaw == Some(Flaw::LeaderCounted))
            && vote.vbal.is_default()
            && vote.status == Status::PreAccepted { unchanged: true }
    });
    let fast = best.vbal.is_default() && unchanged.count() >= quorums.faults;
    Some(if accepted(best) || fast {
        Recovery::Accept(value(best))
    } else {
        Recovery::PreAccept(best.value.commands.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Attributes;
    use crate::command::{Command, Operation};

    const PREPARE: Prepare = Prepare {
        instance: InstanceId {
            replica: NodeId::new(1),
            number: 1,
        },
        ballot: ballot(9, 2),
    };

    const fn ballot(number: u64, replica: u32) -> Ballot {
        Ballot {
            number,
            replica: NodeId::new(replica),
        }
    }

    /// A value that `seq` tells from others.
    fn value(seq: u64) -> Value {
        let command = Command {
            client: 1,
            sequence: 1,
            key: "k".to_owned(),
            operation: Operation::Get,
        };
        let attributes = Attributes {
            seq,
            ..Attributes::default()
        };
        Value {
            commands: Commands::from([command]),
            attributes,
        }
    }

    fn vote(number: u64, status: Status, seq: u64) -> Option<Vote> {
        let vbal = ballot(number, 1);
        Some(Vote {
            vbal,
            status,
            value: value(seq),
        })
    }

    /// What the votes of the replicas of a five decide.
    fn recover(votes: &[(u32, Option<Vote>)]) -> Option<Recovery> {
        let quorums = EPaxosQuorums::new((1..=5).map(NodeId::new), None);
        let records = votes.iter().map(|(from, vote)| {
            let record = Record {
                bal: PREPARE.ballot,
                vote: vote.clone(),
            };
            (NodeId::new(*from), record)
        });
        let records: Vec<_> = records.collect();
        recovery(&PREPARE, &records, &quorums.expect("an odd number"), None)
    }

    const CHANGED: Status = Status::PreAccepted { unchanged: false };
    const UNCHANGED: Status = Status::PreAccepted { unchanged: true };

    #[test]
    fn a_majority_is_waited_for_unless_one_knows_the_outcome() {
        assert_eq!(recover(&[(2, None), (3, None)]), None);
        let committed = vote(0, Status::Committed, 1);
        let commit = Some(Recovery::Commit(value(1)));
        assert_eq!(recover(&[(2, None), (3, committed)]), commit);
    }

    #[test]
    fn the_highest_ballot_counts_and_in_it_the_later_phase() {
        let votes = [
            (2, vote(1, Status::Accepted, 1)),
            (3, vote(2, CHANGED, 2)),
            (4, vote(2, Status::Accepted, 3)),
        ];
        assert_eq!(recover(&votes), Some(Recovery::Accept(value(3))));
        let votes = [
            (2, vote(1, Status::Accepted, 1)),
            (3, vote(2, CHANGED, 2)),
            (4, None),
        ];
        assert_eq!(
            recover(&votes),
            Some(Recovery::PreAccept(value(2).commands))
        );
    }

    #[test]
    fn what_may_have_taken_the_fast_path_is_accepted() {
        let unchanged = || vote(0, UNCHANGED, 1);
        let votes = [(2, unchanged()), (3, vote(0, CHANGED, 2)), (4, unchanged())];
        assert_eq!(recover(&votes), Some(Recovery::Accept(value(1))));
        // The owner's vote does not count.
        let votes = [(1, unchanged()), (3, vote(0, CHANGED, 2)), (4, unchanged())];
        let again = Some(Recovery::PreAccept(value(1).commands));
        assert_eq!(recover(&votes), again);
        // Nor do votes of recoveries.
        let votes = [
            (2, vote(1, UNCHANGED, 1)),
            (3, None),
            (4, vote(1, UNCHANGED, 1)),
        ];
        assert_eq!(recover(&votes), again);
    }

    #[test]
    fn an_instance_that_nobody_has_seen_becomes_a_no_op() {
        let no_op = Some(Recovery::Accept(Value::no_op()));
        assert_eq!(recover(&[(1, None), (3, None), (5, None)]), no_op);
    }

    #[test]
    fn a_replica_that_has_joined_a_higher_ballot_outbids() {
        let quorums = EPaxosQuorums::new((1..=3).map(NodeId::new), None);
        let record = Record {
            bal: ballot(9, 3),
            vote: None,
        };
        let decided = recovery(
            &PREPARE,
            &[(NodeId::new(3), record)],
            &quorums.expect("odd"),
            None,
        );
        assert_eq!(decided, Some(Recovery::Outbid(ballot(9, 3))));
    }

    #[test]
    fn a_replica_never_leads_a_ballot_twice() {
        let mut replica = Replica::new(NodeId::new(2), [], None);
        let instance = PREPARE.instance;
        let (first, write) = replica.recover(instance, Ballot::default_of(instance));
        let mut restarted = Replica::new(NodeId::new(2), write, None);
        let (second, _) = restarted.recover(instance, Ballot::default_of(instance));
        assert_eq!((first.ballot, second.ballot), (ballot(1, 2), ballot(2, 2)));
        let (third, _) = restarted.recover(instance, ballot(7, 3));
        assert_eq!(third.ballot, ballot(8, 2));
    }
}
