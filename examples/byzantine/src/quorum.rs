//! What the quorum functions of both registers share.

use std::fmt;

use gorums_runtime::quorum::{QuorumError, Quorums};
use gorums_runtime::{NodeId, Replies};

use crate::proto::WriteResponse;

/// Quorums of replicas, as many of which may lie as the quorums tolerate.
#[derive(Debug)]
pub(crate) struct Tolerant {
    pub(crate) quorums: Quorums<NodeId>,
    pub(crate) liars: usize,
}

impl Tolerant {
    /// A dissemination system: any two quorums have an honest replica in common, and the honest replicas form a quorum.
    ///
    /// # Errors
    ///
    /// When there are fewer than four replicas.
    pub(crate) fn dissemination(replicas: Vec<NodeId>) -> Result<Self, QuorumError> {
        let liars = most_liars(replicas.len(), 3);
        let quorums = Quorums::dissemination(liars, replicas)?;
        Ok(Self { quorums, liars })
    }

    /// A masking system: any two quorums have more honest replicas in common than there are liars, and the honest
    /// replicas form a quorum.
    ///
    /// # Errors
    ///
    /// When there are fewer than five replicas.
    pub(crate) fn masking(replicas: Vec<NodeId>) -> Result<Self, QuorumError> {
        let liars = most_liars(replicas.len(), 4);
        let quorums = Quorums::masking(liars, replicas)?;
        Ok(Self { quorums, liars })
    }

    /// An acknowledgement, once a quorum has acknowledged the write of this timestamp.
    pub(crate) fn acknowledged(
        &self,
        timestamp: i64,
        replies: &Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        let agreed = replies.agree(&self.quorums, |reply| reply.timestamp)?;
        (agreed == timestamp).then_some(WriteResponse { timestamp })
    }
}

/// The greatest `f` such that there are more than `times * f` replicas. One liar is the least to be tolerated.
fn most_liars(replicas: usize, times: usize) -> usize {
    (replicas.saturating_sub(1) / times).max(1)
}

/// `4 replicas, quorums of 3; tolerates 1 liars`
impl fmt::Display for Tolerant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let smallest = self.quorums.pick(|_| Some(0)).unwrap_or_default();
        write!(
            f,
            "{} replicas, quorums of {}; tolerates {} liars",
            self.quorums.nodes().len(),
            smallest.len(),
            self.liars
        )
    }
}

#[cfg(test)]
mod tests {
    use gorums_runtime::quorum::{NodeSet, QuorumSystem, check_common};

    use super::*;

    type System = fn(Vec<NodeId>) -> Result<Tolerant, QuorumError>;

    fn nodes(replicas: u32) -> Vec<NodeId> {
        (1..=replicas).map(NodeId::new).collect()
    }

    /// Checks that `system` refuses fewer than `least` replicas, and the liars and the quorum's size of `sizes`.
    fn check_sizes(system: System, least: u32, sizes: &[(u32, (usize, usize))]) {
        for replicas in 0..least {
            let error = system(nodes(replicas)).expect_err("too few").to_string();
            let expected =
                format!("{replicas} nodes, of which 1 may be Byzantine: {least} are needed");
            assert_eq!(error, expected);
        }
        for &(replicas, (liars, quorum)) in sizes {
            let tolerant = system(nodes(replicas)).expect("enough replicas");
            let expected =
                format!("{replicas} replicas, quorums of {quorum}; tolerates {liars} liars");
            assert_eq!(tolerant.to_string(), expected);
        }
    }

    #[test]
    fn a_third_of_the_replicas_may_lie_and_there_must_be_one_that_may() {
        let sizes = [
            (4, (1, 3)),
            (5, (1, 4)),
            (6, (1, 4)),
            (7, (2, 5)),
            (8, (2, 6)),
            (9, (2, 6)),
            (10, (3, 7)),
            (11, (3, 8)),
            (12, (3, 8)),
            (13, (4, 9)),
            (14, (4, 10)),
        ];
        check_sizes(Tolerant::dissemination, 4, &sizes);
    }

    #[test]
    fn without_signatures_a_quarter_may_lie_and_four_replicas_are_too_few() {
        let sizes = [
            (5, (1, 4)),
            (6, (1, 5)),
            (7, (1, 5)),
            (8, (1, 6)),
            (9, (2, 7)),
            (10, (2, 8)),
            (12, (2, 9)),
            (13, (3, 10)),
        ];
        check_sizes(Tolerant::masking, 5, &sizes);
    }

    #[test]
    fn two_quorums_have_more_replicas_in_common_than_lie_and_the_honest_ones_are_a_quorum() {
        // Of the replicas that two masking quorums have in common, those that do not lie outnumber those that do.
        let systems: [(System, u32, usize); 2] =
            [(Tolerant::dissemination, 4, 1), (Tolerant::masking, 5, 2)];
        for (system, least, times) in systems {
            for replicas in least..=100 {
                let Tolerant { quorums, liars } = system(nodes(replicas)).expect("enough replicas");
                let common = times * liars + 1;
                assert_eq!(check_common(&[&quorums, &quorums], common), Ok(()));
                assert!(quorums.is_quorum_without(&NodeSet::first(liars)));
            }
        }
    }
}
