//! Commands of clients.

use std::sync::Arc;

/// A command, `γ` in the paper.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// The client, which has one command at a time.
    pub client: u64,
    /// The client's number of the command. Numbers rise. A command that is proposed again keeps its number.
    pub sequence: u64,
    /// The key that it is about.
    pub key: String,
    /// What to do.
    pub operation: Operation,
}

/// What a command does to the value of its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Returns it.
    Get,
    /// Replaces it.
    Put(String),
    /// Replaces it if it is the expected one; `None` if there is none.
    CompareAndSwap {
        /// What it has to be.
        expected: Option<String>,
        /// What it becomes.
        new: String,
    },
}

/// A batch: the commands of an instance, in execution order. The no-op has none.
pub type Commands = Arc<[Command]>;

impl Command {
    /// How many bytes its texts have: about its size as a message.
    pub fn size(&self) -> usize {
        let of_operation = match &self.operation {
            Operation::Get => 0,
            Operation::Put(value) => value.len(),
            Operation::CompareAndSwap { expected, new } => {
                expected.as_ref().map_or(0, String::len) + new.len()
            }
        };
        self.key.len() + of_operation
    }

    /// Whether it can change something.
    pub fn writes(&self) -> bool {
        self.operation != Operation::Get
    }

    /// Whether the order of the two matters: they have the same key, and one writes.
    pub fn interferes(&self, other: &Self) -> bool {
        self.key == other.key && (self.writes() || other.writes())
    }
}

/// Whether a command of the one batch interferes with one of the other.
pub fn interfere(some: &[Command], others: &[Command]) -> bool {
    some.iter()
        .any(|one| others.iter().any(|other| one.interferes(other)))
}
