//! Why there is no such quorum system.

/// Why there is no such quorum system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// A quorum would have no member, so that calls would be decided before anybody answers.
    #[error("a quorum of 0 {of}: the threshold has to be at least 1")]
    Zero {
        /// What is counted: nodes, systems, domains or weight.
        of: &'static str,
    },
    /// There would be no quorum.
    #[error("a quorum of {least} {of}, of which there are {there}: no quorum can form")]
    TooMany {
        /// How many are asked for.
        least: u128,
        /// What is counted: nodes, systems, domains or weight.
        of: &'static str,
        /// How many there are.
        there: u128,
    },
    /// A node would count twice.
    #[error("node {node} is named twice, and would count twice")]
    Twice {
        /// The node.
        node: String,
    },
    /// Too few nodes for so many that are Byzantine.
    #[error("{nodes} nodes, of which {byzantine} may be Byzantine: {needed} are needed")]
    TooFew {
        /// How many nodes there are.
        nodes: usize,
        /// How many of them may be Byzantine.
        byzantine: usize,
        /// How many nodes are needed for that.
        needed: usize,
    },
    /// The number of nodes is not odd.
    #[error("{nodes} nodes: these quorums need 2f + 1, an odd number")]
    Even {
        /// How many nodes there are.
        nodes: usize,
    },
    /// A share that is no part of a whole.
    #[error("a share of {numerator}/{denominator}: it has to be less than 1")]
    NoShare {
        /// The share's numerator.
        numerator: u64,
        /// The share's denominator.
        denominator: u64,
    },
    /// Quorums that have to meet do not.
    #[error("{0}")]
    Disjoint(Disjoint),
    /// It took too long to find out whether the quorums meet.
    #[error(
        "whether all quorums meet was not found out within {steps} steps; derive one system from the other (ReadWrite::of_reads, ReadWrite::of_writes)"
    )]
    Undecided {
        /// How many sets were looked at.
        steps: usize,
    },
}

/// Quorums, one of each system, that have too few nodes in common.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disjoint {
    /// The quorums' nodes, as text, in the order of their systems.
    pub quorums: Vec<Vec<String>>,
    /// How many nodes they have in common.
    pub common: usize,
    /// How many they have to have in common.
    pub required: usize,
}

impl std::fmt::Display for Disjoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the quorums ")?;
        for (at, quorum) in self.quorums.iter().enumerate() {
            let and = if at == 0 { "" } else { " and " };
            write!(f, "{and}{{{}}}", quorum.join(", "))?;
        }
        let nodes = |count| if count == 1 { "node" } else { "nodes" };
        match self.common {
            0 => f.write_str(" have no node in common")?,
            common => write!(f, " have only {common} {} in common", nodes(common))?,
        }
        if self.required > 1 {
            write!(f, "; they need {}", self.required)?;
        }
        Ok(())
    }
}
