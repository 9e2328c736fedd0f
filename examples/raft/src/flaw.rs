//! Mistakes that tests make on purpose.

/// A rule of the protocol that is not kept. It shows in tests that the checks would find the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// One server less than a majority is a quorum.
    SmallQuorum,
    /// Votes and terms are not written to disk.
    VoteNotPersisted,
    /// Servers answer before what they say is on disk.
    AnswerBeforeDisk,
    /// Servers accept leaders and candidates of older terms.
    TermNotChecked,
    /// Servers vote for candidates whose logs are behind their own.
    LogNotCompared,
    /// Leaders commit entries of older terms by counting (figure 8).
    OldTermCounted,
    /// The new members take over at once, without a joint configuration.
    NoJointConfiguration,
    /// Leaders read without a round of heartbeats.
    ReadWithoutRound,
    /// Commands that are tried again are applied again.
    NoSessions,
}
