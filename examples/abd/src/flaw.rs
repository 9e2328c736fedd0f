//! Mistakes that tests make on purpose.

/// A rule of the protocol that is not kept. It shows in tests that the checks would find the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Reads return without storing what they return.
    NoWriteBack,
    /// Phase 1 asks one replica less than a majority.
    SmallQuorum,
    /// Writers do not query: they count their own writes.
    NoQuery,
    /// Replicas replace a value by one with a smaller tag.
    AnyTag,
    /// Replicas acknowledge a value before it is on disk.
    AckBeforeDisk,
    /// Replicas show a value to readers before it is on disk.
    ShowBeforeDisk,
}
