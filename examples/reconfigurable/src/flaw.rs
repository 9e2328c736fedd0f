//! Mistakes that tests make on purpose.

/// A rule that is not kept. It shows in tests that the checks would find the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Quorums are one replica smaller.
    SmallQuorum,
    /// Reads return without storing what they return.
    NoWriteBack,
    /// A reconfiguration does not bring the value along.
    NoStateTransfer,
    /// A client does not look at what follows the configuration that it has written to.
    NextUnchecked,
    /// The old configurations are abandoned before the new one has the value.
    EarlyCur,
    /// RAMBO: acceptors vote in ballots that are smaller than the one that they have promised.
    BallotUnchecked,
    /// RAMBO: promises and votes are not on disk.
    VotesNotPersisted,
    /// SmartMerge: proposals become configurations without lattice agreement.
    NoLatticeAgreement,
    /// DynaStore: a scan ends after its first collect.
    OneCollect,
    /// SpSnStore: proposals are committed even if others were seen.
    EagerCommit,
}
