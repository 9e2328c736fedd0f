//! The quorums of EPaxos.

use gorums_runtime::NodeId;
use gorums_runtime::quorum::Quorums;

use crate::flaw::Flaw;

/// The quorums of `n = 2F + 1` replicas.
#[derive(Clone, Debug)]
pub struct EPaxosQuorums {
    /// `F + 1` replicas. Of PreAccept on the slow path, Accept and Prepare.
    pub(crate) slow: Quorums<NodeId>,
    /// `2F` replicas, one of which is the leader: all but one. Of PreAccept on the fast path.
    pub(crate) fast: Quorums<NodeId>,
    /// `F`: how many may fail.
    pub(crate) faults: usize,
}

/// There is no quorum system of so many replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("EPaxos has an odd number of replicas, from 3 on; there are {0}")]
pub struct NotOdd(pub usize);

impl EPaxosQuorums {
    /// The quorums of these replicas.
    ///
    /// # Errors
    ///
    /// If their number is even or less than 3.
    pub fn new(
        replicas: impl IntoIterator<Item = NodeId>,
        flaw: Option<Flaw>,
    ) -> Result<Self, NotOdd> {
        let slow = Quorums::majority(replicas);
        let n = slow.nodes().len();
        if n < 3 || n.is_multiple_of(2) {
            return Err(NotOdd(n));
        }
        let fast = match flaw {
            Some(Flaw::SmallerFastQuorum) => n - 2,
            _ => n - 1,
        };
        let fast = Quorums::at_least(fast, slow.nodes().iter().copied());
        let fast = fast.map_err(|_| NotOdd(n))?;
        let faults = n / 2;
        Ok(Self { slow, fast, faults })
    }

    /// The replicas.
    pub fn replicas(&self) -> &[NodeId] {
        self.slow.nodes()
    }
}

#[cfg(test)]
mod tests {
    use gorums_runtime::quorum::ReadWrite;

    use super::*;

    #[test]
    fn a_recovery_sees_enough_of_each_fast_quorum() {
        for n in [3, 5, 7, 9] {
            let of = |flaw| EPaxosQuorums::new((1..=n).map(NodeId::new), flaw);
            let EPaxosQuorums { slow, fast, faults } = of(None).expect("an odd number");
            assert!(ReadWrite::new(slow.clone(), slow.clone()).is_ok());
            assert!(ReadWrite::with_common(slow.clone(), fast, faults).is_ok());
            let smaller = of(Some(Flaw::SmallerFastQuorum)).expect("an odd number");
            assert!(ReadWrite::with_common(slow, smaller.fast, faults).is_err());
        }
    }

    #[test]
    fn the_number_of_replicas_is_odd() {
        for n in [0, 1, 2, 4] {
            let quorums = EPaxosQuorums::new((1..=n).map(NodeId::new), None);
            assert_eq!(quorums.err(), Some(NotOdd(n as usize)));
        }
    }
}
