//! The replicated map.

use std::collections::HashMap;

use crate::command::{Command, Operation};

/// A map of keys to values, as the commands that were executed so far have left it.
///
/// A command may be in several instances, because its client or its leader has proposed it again after a reply was
/// lost. The first that is executed counts. So that all replicas agree on it, each key remembers the last command of
/// each client that wrote it: commands on different keys do not interfere, and replicas execute them in different
/// orders.
#[derive(Debug, Default)]
pub struct Map {
    keys: HashMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    value: Option<String>,
    /// The number and the outcome of the last command of each client that wrote here.
    last: HashMap<u64, (u64, Outcome)>,
}

/// What a client is told of its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The value that was read.
    Value(Option<String>),
    /// The value was written.
    Written,
    /// Whether the value was swapped.
    Swapped(bool),
    /// The client has gone on to another command on this key, so that this one has no effect if it had none before.
    Superseded,
}

impl Map {
    /// Executes a command, unless that has happened.
    pub fn execute(&mut self, command: &Command) -> Outcome {
        if let Operation::Get = command.operation {
            let entry = self.keys.get(&command.key);
            return Outcome::Value(entry.and_then(|entry| entry.value.clone()));
        }
        let entry = self.keys.entry(command.key.clone()).or_default();
        match entry.last.get(&command.client) {
            Some((last, outcome)) if *last == command.sequence => return outcome.clone(),
            Some((last, _)) if *last > command.sequence => return Outcome::Superseded,
            _ => {}
        }
        let outcome = entry.apply(&command.operation);
        let last = (command.sequence, outcome.clone());
        entry.last.insert(command.client, last);
        outcome
    }
}

impl Entry {
    fn apply(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Get => Outcome::Value(self.value.clone()),
            Operation::Put(value) => {
                self.value = Some(value.clone());
                Outcome::Written
            }
            Operation::CompareAndSwap { expected, new } => {
                let swaps = self.value == *expected;
                if swaps {
                    self.value = Some(new.clone());
                }
                Outcome::Swapped(swaps)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(client: u64, sequence: u64, operation: Operation) -> Command {
        let key = "k".to_owned();
        Command {
            client,
            sequence,
            key,
            operation,
        }
    }

    fn put(client: u64, sequence: u64, value: &str) -> Command {
        command(client, sequence, Operation::Put(value.to_owned()))
    }

    #[test]
    fn a_command_is_executed_once() {
        let mut map = Map::default();
        let swap = Operation::CompareAndSwap {
            expected: None,
            new: "a".to_owned(),
        };
        let swap = command(1, 1, swap);
        let get = command(3, 1, Operation::Get);
        assert_eq!(map.execute(&swap), Outcome::Swapped(true));
        assert_eq!(map.execute(&put(2, 1, "b")), Outcome::Written);
        assert_eq!(map.execute(&swap), Outcome::Swapped(true));
        assert_eq!(map.execute(&get), Outcome::Value(Some("b".to_owned())));
    }

    #[test]
    fn a_command_that_comes_after_a_later_one_of_its_client_has_no_effect() {
        let mut map = Map::default();
        assert_eq!(map.execute(&put(1, 2, "new")), Outcome::Written);
        assert_eq!(map.execute(&put(1, 1, "old")), Outcome::Superseded);
        let get = command(2, 1, Operation::Get);
        assert_eq!(map.execute(&get), Outcome::Value(Some("new".to_owned())));
    }
}
