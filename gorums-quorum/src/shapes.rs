//! Quorum systems by the shape in which nodes are arranged, and by how they fail.

use std::collections::BTreeMap;
use std::fmt;

use crate::quorums::check;
use crate::{QuorumError, Quorums};

impl<N: Ord + Clone> Quorums<N> {
    /// All nodes of one of `rows`: the read quorums of a grid whose write quorums, the [dual](Self::dual), have one node
    /// of each row (Cheung, Ammar and Ahamad 1992). Rows may differ in length.
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// let reads = Quorums::row([["a", "b"], ["c", "d"]])?;
    /// assert_eq!(reads.to_string(), "a & b | c & d");
    /// assert_eq!(reads.dual().to_string(), "(a | b) & (c | d)");
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no row, or one without nodes.
    pub fn row<R>(rows: impl IntoIterator<Item = R>) -> Result<Self, QuorumError>
    where
        R: IntoIterator<Item = N>,
    {
        let rows: Vec<Self> = rows.into_iter().map(Self::all).collect();
        check(1, "rows", rows.len())?;
        for row in &rows {
            check(1, "nodes of a row", row.nodes().len())?;
        }
        Ok(Self::combined(1, rows))
    }

    /// A quorum in more than half of `groups`. With majorities of nodes as the groups, it is hierarchical quorum consensus
    /// (Kumar 1991), whose quorums of nine nodes have four.
    ///
    /// # Errors
    ///
    /// When there is no group, or a node is a group by itself and given twice.
    pub fn hierarchical(groups: impl IntoIterator<Item = Self>) -> Result<Self, QuorumError>
    where
        N: fmt::Display,
    {
        let groups: Vec<Self> = groups.into_iter().collect();
        Self::choose(groups.len() / 2 + 1, groups)
    }

    /// At least `least` nodes, which are in at least `domains` different failure domains. `nodes` has each node with its
    /// domain: a zone or a rack.
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// let zones = [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c")];
    /// let writes = Quorums::spread(3, 2, zones)?;
    /// assert!(writes.is_quorum_of(&[1, 2, 3]));
    /// // Reads meet each write: three nodes, or all but one zone.
    /// let reads = writes.dual();
    /// assert_eq!(reads.to_string(), "choose(3, [1, 2, 3, 4, 5]) | choose(2, [1 & 2, 3 & 4, 5])");
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a number is 0 or more than there are.
    pub fn spread<D: Ord>(
        least: usize,
        domains: usize,
        nodes: impl IntoIterator<Item = (N, D)>,
    ) -> Result<Self, QuorumError> {
        let mut by_domain = BTreeMap::<D, Vec<N>>::new();
        for (node, domain) in nodes {
            by_domain.entry(domain).or_default().push(node);
        }
        check(domains, "domains", by_domain.len())?;
        let all = by_domain.values().flatten().cloned();
        let counted = Self::at_least(least, all)?;
        let any = by_domain.into_values().map(Self::any).collect();
        Ok(counted.and(Self::combined(domains, any)))
    }

    /// `f + 1` of `nodes`: one of them is correct, if `f` may be Byzantine.
    ///
    /// # Errors
    ///
    /// When there are at most `f` nodes.
    pub fn one_correct(f: usize, nodes: impl IntoIterator<Item = N>) -> Result<Self, QuorumError> {
        Self::at_least(f.saturating_add(1), nodes)
    }

    /// `2f + 1` of `nodes`: most of them are correct, if `f` may be Byzantine.
    ///
    /// # Errors
    ///
    /// When there are at most `2f` nodes.
    pub fn most_correct(f: usize, nodes: impl IntoIterator<Item = N>) -> Result<Self, QuorumError> {
        Self::at_least(f.saturating_mul(2).saturating_add(1), nodes)
    }

    /// A Byzantine dissemination system (Malkhi and Reiter 1998): any two quorums have `f + 1` nodes in common, one of which
    /// is correct. It suffices for values that nodes cannot forge, because they are signed.
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// assert_eq!(Quorums::dissemination(1, 1..=4)?.to_string(), "choose(3, [1, 2, 3, 4])");
    /// assert_eq!(Quorums::masking(1, 1..=5)?.to_string(), "choose(4, [1, 2, 3, 4, 5])");
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there are fewer than `3f + 1` nodes: then `f` silent nodes can block all quorums.
    pub fn dissemination(
        f: usize,
        nodes: impl IntoIterator<Item = N>,
    ) -> Result<Self, QuorumError> {
        Self::byzantine(f, 3, nodes)
    }

    /// A Byzantine masking system (Malkhi and Reiter 1998): any two quorums have `2f + 1` nodes in common, most of which
    /// are correct. It masks forged values.
    ///
    /// # Errors
    ///
    /// When there are fewer than `4f + 1` nodes: then `f` silent nodes can block all quorums.
    pub fn masking(f: usize, nodes: impl IntoIterator<Item = N>) -> Result<Self, QuorumError> {
        Self::byzantine(f, 4, nodes)
    }

    /// Quorums of which two have `(times - 2) * f + 1` of `nodes` in common.
    fn byzantine(
        f: usize,
        times: usize,
        nodes: impl IntoIterator<Item = N>,
    ) -> Result<Self, QuorumError> {
        let nodes: Vec<N> = nodes.into_iter().collect();
        let quorums = Self::counted(nodes, |nodes| {
            let common = f.saturating_mul(times - 2).saturating_add(1);
            nodes.saturating_add(common).div_ceil(2)
        });
        let (nodes, needed) = (quorums.nodes().len(), f.saturating_mul(times));
        match nodes > needed {
            true => Ok(quorums),
            false => Err(QuorumError::TooFew {
                nodes,
                byzantine: f,
                needed: needed.saturating_add(1),
            }),
        }
    }

    /// The fast quorums of Fast Flexible Paxos (Howard, Charapko and Mortier 2021), if the quorums of phase 1 have `phase_1`
    /// of `nodes`: the smallest such that two fast quorums and one of phase 1 have a node in common. With a majority in
    /// phase 1, these are the fast quorums of Fast Paxos (Lamport 2006).
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// assert_eq!(Quorums::fast(3, 1..=5)?, Quorums::at_least(4, 1..=5)?);
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `phase_1` is 0 or more than there are nodes.
    pub fn fast(phase_1: usize, nodes: impl IntoIterator<Item = N>) -> Result<Self, QuorumError> {
        let all = Self::all(nodes);
        let nodes = all.nodes();
        check(phase_1, "nodes", nodes.len())?;
        let least = (2 * nodes.len() - phase_1) / 2 + 1;
        Self::at_least(least, nodes.iter().cloned())
    }

    /// The fast quorums of EPaxos (Moraru, Andersen and Kaminsky 2013), the command's leader included: `f + (f + 1) / 2` of
    /// `nodes`, of which a minority, `f`, may fail.
    ///
    /// ```
    /// use gorums_quorum::Quorums;
    ///
    /// assert_eq!(Quorums::epaxos(1..=3)?, Quorums::at_least(2, 1..=3)?);
    /// assert_eq!(Quorums::epaxos(1..=5)?, Quorums::at_least(3, 1..=5)?);
    /// assert_eq!(Quorums::epaxos(1..=7)?, Quorums::at_least(5, 1..=7)?);
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the number of nodes is not `2f + 1`, for which EPaxos defines them: two such quorums of four nodes need not meet.
    pub fn epaxos(nodes: impl IntoIterator<Item = N>) -> Result<Self, QuorumError> {
        let quorums = Self::counted(nodes, |nodes| {
            let f = nodes / 2;
            f + f.div_ceil(2)
        });
        let nodes = quorums.nodes().len();
        match nodes.is_multiple_of(2) {
            true => Err(QuorumError::Even { nodes }),
            false => Ok(quorums),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_common;

    #[test]
    fn too_few_nodes_for_the_byzantine_ones_are_refused() {
        let error = Quorums::dissemination(1, 1..=3).unwrap_err().to_string();
        assert_eq!(error, "3 nodes, of which 1 may be Byzantine: 4 are needed");
        let error = Quorums::masking(2, 1..=8).unwrap_err().to_string();
        assert_eq!(error, "8 nodes, of which 2 may be Byzantine: 9 are needed");
        assert!(Quorums::masking(usize::MAX, 1..=8).is_err());
        assert!(Quorums::one_correct(8, 1..=8).is_err());
        assert!(Quorums::most_correct(4, 1..=8).is_err());
    }

    #[test]
    fn hierarchies_of_nine_nodes_have_quorums_of_four() -> Result<(), QuorumError> {
        let groups = [[1, 2, 3], [4, 5, 6], [7, 8, 9]].map(Quorums::majority);
        let system = Quorums::hierarchical(groups)?;
        assert!(system.is_quorum_of(&[1, 2, 8, 9]));
        assert!(!system.is_quorum_of(&[1, 2, 3, 4, 7]));
        Ok(())
    }

    #[test]
    fn epaxos_needs_an_odd_number_of_nodes() {
        for nodes in [0, 2, 4, 6, 8] {
            let error = Quorums::epaxos(0..nodes).unwrap_err().to_string();
            let expected = format!("{nodes} nodes: these quorums need 2f + 1, an odd number");
            assert_eq!(error, expected);
        }
        for nodes in [1, 3, 5, 7, 9, 11] {
            let quorums = Quorums::epaxos(0..nodes).expect("odd");
            assert_eq!(check_common(&[&quorums, &quorums], 1), Ok(()), "{quorums}");
        }
    }

    #[test]
    fn rows_and_domains_have_to_be_there() {
        assert!(Quorums::<u32>::row([[]; 0]).is_err());
        assert!(Quorums::row([vec![1], vec![]]).is_err());
        assert!(Quorums::spread(2, 3, [(1, "a"), (2, "b")]).is_err());
        assert!(Quorums::spread(3, 2, [(1, "a"), (2, "b")]).is_err());
    }
}
