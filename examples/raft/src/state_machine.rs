//! The state machine: a map, and the sessions of its clients (dissertation, section 6.3).

use std::collections::BTreeMap;

use gorums_runtime::prost::{DecodeError, Message};

use crate::flaw::Flaw;
use crate::proto::entry::Payload;
use crate::proto::{Command, Entry, Pair, Refusal, Session, State};

/// How many sessions there are at most. A new one beyond that ends the one that was used least recently.
const SESSIONS: usize = 4096;

/// A map of keys to values. It is the same on all servers that have applied the same entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateMachine {
    pairs: BTreeMap<String, String>,
    sessions: BTreeMap<u64, Session>,
    flaw: Option<Flaw>,
}

/// What applying an entry returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// A session was opened.
    Registered(u64),
    /// Whether the command changed the map.
    Changed(bool),
    /// The session does not allow the command.
    Refused(Refusal),
    /// The entry does not concern the map.
    Nothing,
}

impl StateMachine {
    /// A machine that makes a mistake, for tests.
    pub(crate) fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        Self { flaw, ..self }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.get(key).map(String::as_str)
    }

    /// Applies the entry that follows the one that was applied last.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Applied {
        match &entry.payload {
            Some(Payload::Command(command)) => self.execute_once(command, entry.index),
            Some(Payload::Register(())) => self.register(entry.index),
            Some(Payload::Configuration(_)) | None => Applied::Nothing,
        }
    }

    /// Executes a command, unless the session has already done so: then it returns what it returned at that time.
    fn execute_once(&mut self, command: &Command, index: u64) -> Applied {
        let Some(session) = self.sessions.get_mut(&command.client_id) else {
            return Applied::Refused(Refusal::SessionExpired);
        };
        session.last_used = index;
        if command.sequence < session.sequence {
            return Applied::Refused(Refusal::StaleSequence);
        }
        let is_repeated = command.sequence == session.sequence;
        if !is_repeated || self.flaw == Some(Flaw::NoSessions) {
            session.sequence = command.sequence;
            session.changed = execute(&mut self.pairs, command);
        }
        Applied::Changed(session.changed)
    }

    fn register(&mut self, index: u64) -> Applied {
        if self.sessions.len() >= SESSIONS {
            let oldest = self.sessions.values().min_by_key(|it| it.last_used);
            if let Some(oldest) = oldest.map(|it| it.client_id) {
                self.sessions.remove(&oldest);
            }
        }
        let session = Session {
            client_id: index,
            last_used: index,
            ..Session::default()
        };
        self.sessions.insert(index, session);
        Applied::Registered(index)
    }

    /// The data of a snapshot.
    pub(crate) fn save(&self) -> Vec<u8> {
        let pairs = self.pairs.iter().map(|(key, value)| Pair {
            key: key.clone(),
            value: value.clone(),
        });
        let state = State {
            pairs: pairs.collect(),
            sessions: self.sessions.values().copied().collect(),
        };
        state.encode_to_vec()
    }

    /// A machine with the data of a snapshot.
    pub(crate) fn restore(data: &[u8]) -> Result<Self, DecodeError> {
        let State { pairs, sessions } = State::decode(data)?;
        let sessions = sessions.into_iter();
        Ok(Self {
            pairs: pairs.into_iter().map(|it| (it.key, it.value)).collect(),
            sessions: sessions.map(|it| (it.client_id, it)).collect(),
            flaw: None,
        })
    }
}

/// Executes a command. Returns whether it changed the map.
fn execute(pairs: &mut BTreeMap<String, String>, command: &Command) -> bool {
    let Command { key, value, .. } = command;
    if let Some(expected) = &command.expected
        && pairs.get(key) != expected.value.as_ref()
    {
        return false;
    }
    match value {
        Some(value) => {
            pairs.insert(key.clone(), value.clone());
            true
        }
        None => pairs.remove(key).is_some() || command.expected.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Expected;

    fn entry(index: u64, payload: Payload) -> Entry {
        Entry {
            index,
            term: 1,
            payload: Some(payload),
        }
    }

    fn swap(client_id: u64, sequence: u64, expected: Option<&str>, value: &str) -> Payload {
        Payload::Command(Command {
            client_id,
            sequence,
            key: "k".to_owned(),
            value: Some(value.to_owned()),
            expected: Some(Expected {
                value: expected.map(str::to_owned),
            }),
        })
    }

    #[test]
    fn a_command_that_is_tried_again_is_executed_once_also_after_a_snapshot() {
        let mut machine = StateMachine::default();
        let registered = machine.apply(&entry(1, Payload::Register(())));
        assert_eq!(registered, Applied::Registered(1));
        let first = machine.apply(&entry(2, swap(1, 1, None, "a")));
        assert_eq!(first, Applied::Changed(true));
        let mut machine = StateMachine::restore(&machine.save()).expect("it was saved");
        let again = machine.apply(&entry(3, swap(1, 1, None, "a")));
        assert_eq!(again, Applied::Changed(true));
        let second = machine.apply(&entry(4, swap(1, 2, None, "b")));
        assert_eq!(second, Applied::Changed(false));
        assert_eq!(machine.get("k"), Some("a"));
        let stale = machine.apply(&entry(5, swap(1, 1, None, "c")));
        assert_eq!(stale, Applied::Refused(Refusal::StaleSequence));
        let unknown = machine.apply(&entry(6, swap(9, 1, None, "d")));
        assert_eq!(unknown, Applied::Refused(Refusal::SessionExpired));
    }

    #[test]
    fn the_session_that_was_used_least_recently_ends_when_there_are_too_many() {
        let mut machine = StateMachine::default();
        let last = SESSIONS as u64 + 1;
        for index in 1..=last {
            machine.apply(&entry(index, Payload::Register(())));
        }
        let ended = machine.apply(&entry(last + 1, swap(1, 1, None, "a")));
        assert_eq!(ended, Applied::Refused(Refusal::SessionExpired));
        let goes_on = machine.apply(&entry(last + 2, swap(2, 1, None, "a")));
        assert_eq!(goes_on, Applied::Changed(true));
    }
}
