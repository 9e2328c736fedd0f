//! What is known about a quorum.

/// What is known about a quorum while its nodes answer.
///
/// Verdicts are monotone: as more nodes say yes or no, and none of them takes it back, `Possible` becomes `Formed` or
/// `Impossible`, which stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The nodes that have said yes are a quorum.
    Formed,
    /// They are not, and they are together with the nodes that have said nothing yet.
    Possible,
    /// Too many nodes have said no.
    Impossible,
}
