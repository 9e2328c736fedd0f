//! What strategies are compared by.

use std::fmt;

/// What strategies are compared by. Less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// For how many seconds a command keeps the busiest node busy. Its inverse is the capacity.
    Load,
    /// How many seconds pass until a quorum has answered, on average.
    Latency,
    /// How many nodes a command is sent to, on average.
    Network,
}

impl Metric {
    /// All metrics, in the order in which ties are broken.
    pub const ALL: [Self; 3] = [Self::Load, Self::Latency, Self::Network];

    /// Its unit, as text.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Load => "s per command",
            Self::Latency => "s",
            Self::Network => "nodes per command",
        }
    }
}

/// `load`, `latency` or `network load`.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Load => "load",
            Self::Latency => "latency",
            Self::Network => "network load",
        })
    }
}
