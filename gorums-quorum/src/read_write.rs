//! Systems with two kinds of quorums.

use std::fmt;

use crate::{QuorumError, Quorums, check_common};

/// Read quorums and write quorums, each of which meets each of the other kind: a read sees the latest write.
///
/// Phase 1 and phase 2 of Flexible Paxos (Howard, Malkhi and Spiegelman 2016) are such kinds, too.
///
/// ```
/// use gorums_quorum::{Quorums, ReadWrite};
///
/// let system = ReadWrite::of_reads(Quorums::row([["a", "b"], ["c", "d"]])?);
/// assert_eq!(system.writes().to_string(), "(a | b) & (c | d)");
///
/// let reads = Quorums::at_least(2, 1..=5)?;
/// let error = ReadWrite::new(reads, Quorums::majority(1..=5)).unwrap_err();
/// assert_eq!(error.to_string(), "the quorums {4, 5} and {1, 2, 3} have no node in common");
/// # Ok::<(), gorums_quorum::QuorumError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReadWrite<N> {
    reads: Quorums<N>,
    writes: Quorums<N>,
}

impl<N: Ord + Clone> ReadWrite<N> {
    /// The smallest write quorums that meet all these read quorums: their dual.
    pub fn of_reads(reads: Quorums<N>) -> Self {
        let writes = reads.dual();
        Self { reads, writes }
    }

    /// The smallest read quorums that meet all these write quorums: their dual.
    pub fn of_writes(writes: Quorums<N>) -> Self {
        let reads = writes.dual();
        Self { reads, writes }
    }

    /// These reads and writes.
    ///
    /// # Errors
    ///
    /// As for [`with_common`](Self::with_common).
    pub fn new(reads: Quorums<N>, writes: Quorums<N>) -> Result<Self, QuorumError>
    where
        N: fmt::Display,
    {
        Self::with_common(reads, writes, 1)
    }

    /// These reads and writes, each of which have at least `common` nodes in common: `f + 1` or `2f + 1` if `f` nodes may
    /// be Byzantine.
    ///
    /// # Errors
    ///
    /// [`QuorumError::Disjoint`] names a read quorum and a write quorum that have fewer.
    /// [`QuorumError::Undecided`] when there are too many sets to look at.
    pub fn with_common(
        reads: Quorums<N>,
        writes: Quorums<N>,
        common: usize,
    ) -> Result<Self, QuorumError>
    where
        N: fmt::Display,
    {
        check_common(&[&reads, &writes], common)?;
        Ok(Self { reads, writes })
    }
}

impl<N> ReadWrite<N> {
    /// The quorums of reads.
    pub fn reads(&self) -> &Quorums<N> {
        &self.reads
    }

    /// The quorums of writes.
    pub fn writes(&self) -> &Quorums<N> {
        &self.writes
    }
}

impl<N: fmt::Display> fmt::Debug for ReadWrite<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadWrite")
            .field("reads", &self.reads)
            .field("writes", &self.writes)
            .finish()
    }
}
