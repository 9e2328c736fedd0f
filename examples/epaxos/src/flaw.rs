//! Bugs on demand.

/// A rule of the protocol to break, so that tests can show that their checks notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A fast quorum has one replica less.
    SmallerFastQuorum,
    /// Replicas pre-accept and accept in ballots lower than the one that they have joined.
    BallotsUnchecked,
    /// A record has one ballot: to join a ballot makes the vote one of that ballot.
    SingleBallot,
    /// The slow path does not merge what the replies add to the attributes.
    RepliesNotMerged,
    /// Recovery does not look at accepted values.
    AcceptedIgnored,
    /// Recovery prefers an accepted value to votes in higher ballots.
    AcceptedFirst,
    /// Recovery counts the leader's own vote among the pre-accepted values that prove a majority.
    LeaderCounted,
    /// The leader commits on the fast path without a look at the ballot that it has joined since.
    FastUnchecked,
    /// The leader announces a fast commit without writing it to disk.
    FastVolatile,
    /// Votes are not written to disk.
    VotesVolatile,
    /// Cycles are executed in the order of their instances, not of `seq`.
    SeqIgnored,
    /// Cycles are executed in the order in which their instances were found.
    CyclesUnsorted,
}
