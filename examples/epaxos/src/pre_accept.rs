//! Phase 1: the replicas add to the attributes of commands what they know (figure 2 of the paper).

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{Quorums, Verdict, Votes};

use crate::attributes::Attributes;
use crate::flaw::Flaw;
use crate::proposal::Proposal;
use crate::quorums::EPaxosQuorums;
use crate::record::{Status, Value, Write};
use crate::replica::{Refusal, Replica};

impl Replica {
    /// Votes for the commands of a PreAccept. The reply has their attributes, with what was missing.
    ///
    /// # Errors
    ///
    /// If the replica does not take part.
    pub fn on_pre_accept(
        &mut self,
        message: Proposal,
    ) -> Result<(Attributes, Option<Write>), Refusal> {
        let Proposal {
            instance,
            ballot,
            value: Value {
                commands,
                attributes,
            },
        } = message;
        let record = self.may_vote(instance, ballot)?;
        if let Some(vote) = record.vote.filter(|vote| vote.vbal == ballot) {
            return match vote.status {
                // The message is a duplicate, or the leader's to itself. The vote stands as it is: the leader may have
                // committed it.
                Status::PreAccepted { .. } => Ok((vote.value.attributes, None)),
                // Accept has overtaken it.
                _ => Err(Refusal::Joined(ballot)),
            };
        }
        let value = self.constrained(commands, attributes.clone());
        let attributes_after = value.attributes.clone();
        let unchanged = value.attributes == attributes;
        let status = Status::PreAccepted { unchanged };
        let write = self.vote(instance, ballot, status, value);
        Ok((attributes_after, write))
    }
}

/// The replies to a PreAccept, as the leader counts them.
#[derive(Debug)]
pub struct PreAccepted<'a> {
    proposed: &'a Proposal,
    union: Attributes,
    replied: Votes<&'a Quorums<NodeId>>,
    /// Yes are the replies with the attributes that the leader proposed.
    unchanged: Votes<&'a Quorums<NodeId>>,
    merges: bool,
}

/// What the leader does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase1 {
    /// Commit the value that was proposed: the fast path.
    Fast,
    /// Have a majority accept the commands with these attributes: the slow path.
    Slow(Attributes),
    /// Give up: no majority will reply.
    Impossible,
}

impl<'a> PreAccepted<'a> {
    /// No replies yet.
    pub fn new(proposed: &'a Proposal, quorums: &'a EPaxosQuorums, flaw: Option<Flaw>) -> Self {
        Self {
            proposed,
            union: proposed.value.attributes.clone(),
            replied: Votes::new(&quorums.slow),
            unchanged: Votes::new(&quorums.fast),
            merges: flaw != Some(Flaw::RepliesNotMerged),
        }
    }

    /// Counts a replica's reply, or that it failed or refused.
    ///
    /// The fast path is for the default ballot, and for replies with the very attributes that the leader proposed. In
    /// the paper they need only be equal to each other, which suffices because it sends the PreAccepts to one fast
    /// quorum. Here they go to all; of three replicas, the two that survive the leader could then have different
    /// attributes, and would not know with which of them the leader has committed.
    pub fn count(&mut self, from: NodeId, reply: Option<&Attributes>) {
        let Some(attributes) = reply else {
            self.replied.no(&from);
            self.unchanged.no(&from);
            return;
        };
        self.replied.yes(&from);
        if self.merges {
            self.union.merge(attributes);
        }
        let Proposal { ballot, value, .. } = self.proposed;
        match ballot.is_default() && *attributes == value.attributes {
            true => self.unchanged.yes(&from),
            false => self.unchanged.no(&from),
        };
    }

    /// What the replies so far decide. A leader that does not wait any longer for the fast path is `impatient`.
    pub fn decision(&self, impatient: bool) -> Option<Phase1> {
        match (self.unchanged.verdict(), self.replied.verdict()) {
            (_, Verdict::Impossible) => Some(Phase1::Impossible),
            (Verdict::Formed, _) => Some(Phase1::Fast),
            (Verdict::Impossible, Verdict::Formed) => Some(Phase1::Slow(self.union.clone())),
            (_, Verdict::Formed) if impatient => Some(Phase1::Slow(self.union.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ballot::Ballot;
    use crate::command::{Command, Operation};
    use crate::instance::InstanceId;

    const LEADER: NodeId = NodeId::new(1);

    fn put(client: u64) -> Vec<Command> {
        vec![Command {
            client,
            sequence: 1,
            key: "k".to_owned(),
            operation: Operation::Put("v".to_owned()),
        }]
    }

    fn proposal() -> Proposal {
        Replica::new(LEADER, [], None).propose(put(1)).0
    }

    fn changed(replica: u32) -> Attributes {
        let deps = [(NodeId::new(replica), 7)].into();
        Attributes { seq: 8, deps }
    }

    /// What the leader of `replicas` decides, given the replies of the first ones. `None` is a replica that failed.
    fn decision(
        replicas: u32,
        proposed: &Proposal,
        replies: &[Option<Attributes>],
        impatient: bool,
    ) -> Option<Phase1> {
        let quorums = EPaxosQuorums::new((1..=replicas).map(NodeId::new), None);
        let quorums = quorums.expect("an odd number");
        let mut counted = PreAccepted::new(proposed, &quorums, None);
        for (from, reply) in (1..).map(NodeId::new).zip(replies) {
            counted.count(from, reply.as_ref());
        }
        counted.decision(impatient)
    }

    #[test]
    fn all_replicas_but_one_take_the_fast_path() {
        let proposed = proposal();
        let same = Some(proposed.value.attributes.clone());
        let same = |replies| vec![same.clone(); replies];
        assert_eq!(decision(3, &proposed, &same(1), false), None);
        assert_eq!(decision(3, &proposed, &same(2), false), Some(Phase1::Fast));
        assert_eq!(decision(5, &proposed, &same(3), false), None);
        assert_eq!(decision(5, &proposed, &same(4), false), Some(Phase1::Fast));
    }

    #[test]
    fn changed_attributes_are_merged_on_the_slow_path() {
        let proposed = proposal();
        let same = Some(proposed.value.attributes.clone());
        let replies = [same, Some(changed(2)), Some(changed(3))];
        // Of three replicas, the third could still make a fast quorum with the leader.
        assert_eq!(decision(3, &proposed, &replies[..2], false), None);
        let mut union = changed(2);
        union.merge(&changed(3));
        let slow = Some(Phase1::Slow(union));
        assert_eq!(decision(3, &proposed, &replies, false), slow);
        assert_eq!(decision(5, &proposed, &replies, false), slow);
    }

    #[test]
    fn an_impatient_leader_is_content_with_a_majority() {
        let proposed = proposal();
        let same = proposed.value.attributes.clone();
        let replies = vec![Some(same.clone()); 3];
        let slow = Some(Phase1::Slow(same));
        assert_eq!(decision(5, &proposed, &replies[..2], true), None);
        assert_eq!(decision(5, &proposed, &replies, true), slow);
        let mut failures = replies.clone();
        failures.extend([None, None]);
        assert_eq!(decision(5, &proposed, &failures, false), slow);
    }

    #[test]
    fn without_a_majority_the_leader_gives_up() {
        let proposed = proposal();
        let replies = [None, None];
        let decided = decision(3, &proposed, &replies, false);
        assert_eq!(decided, Some(Phase1::Impossible));
    }

    #[test]
    fn a_recovery_has_no_fast_path() {
        let mut proposed = proposal();
        proposed.ballot = proposed.ballot.next_of(NodeId::new(2));
        let same = proposed.value.attributes.clone();
        let replies = vec![Some(same.clone()); 3];
        let slow = Some(Phase1::Slow(same));
        assert_eq!(decision(3, &proposed, &replies, false), slow);
    }

    #[test]
    fn a_replica_adds_what_it_knows_once() {
        let mut replica = Replica::new(NodeId::new(2), [], None);
        let first = replica.propose(put(2)).0;
        let second = proposal();
        let replied = replica.on_pre_accept(second.clone());
        let (attributes, write) = replied.expect("the ballot is the default");
        let deps = [(first.instance.replica, 1)].into();
        assert_eq!(attributes, Attributes { seq: 2, deps });
        assert!(write.is_some());
        // What it learns later does not change its vote.
        replica.propose(put(3));
        assert_eq!(replica.on_pre_accept(second), Ok((attributes, None)));
    }

    #[test]
    fn a_replica_refuses_lower_ballots_earlier_phases_and_what_is_committed() {
        let mut replica = Replica::new(NodeId::new(2), [], None);
        let proposed = proposal();
        let Proposal {
            instance, ballot, ..
        } = proposed;
        let joined = ballot.next_of(NodeId::new(3));
        replica.on_prepare(crate::Prepare {
            instance,
            ballot: joined,
        });
        let refused = Err(Refusal::Joined(joined));
        assert_eq!(replica.on_pre_accept(proposed.clone()).map(|_| ()), refused);
        assert_eq!(replica.on_accept(proposed.clone()).map(|_| ()), refused);
        let later = Proposal {
            ballot: joined,
            ..proposed.clone()
        };
        assert!(replica.on_accept(later.clone()).is_ok());
        assert_eq!(replica.on_pre_accept(later.clone()).map(|_| ()), refused);
        let value = proposed.value;
        replica.on_commit(crate::Commit { instance, value });
        let refused = Err(Refusal::Committed);
        assert_eq!(replica.on_accept(later).map(|_| ()), refused);
    }

    #[test]
    fn reads_do_not_interfere() {
        let get = |client| {
            vec![Command {
                operation: Operation::Get,
                ..put(client)[0].clone()
            }]
        };
        let mut replica = Replica::new(LEADER, [], None);
        replica.propose(get(1));
        let second = replica.propose(get(2)).0;
        assert!(second.value.attributes.deps.is_empty());
        let write = replica.propose(put(3)).0;
        let latest = InstanceId {
            replica: LEADER,
            number: 2,
        };
        assert!(write.value.attributes.include(latest));
        assert_eq!(write.ballot, Ballot::default_of(write.instance));
    }
}
