//! The commands of the client.

use harness::prompt;

use crate::selection::{Selection, SelectionError};

/// A command with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A call to one replica.
    Rpc { replica: usize, call: Rpc },
    /// A one-way call to one replica.
    Unicast { replica: usize, entry: Entry },
    /// A one-way call to all replicas.
    Multicast { entry: Entry },
    /// A quorum call on all replicas.
    Quorum { call: Quorum },
    /// A quorum call on some of the replicas.
    Configuration { replicas: Selection, call: Quorum },
    /// A quorum call, for which each replica makes a quorum call on its peers.
    NestedRead { key: String },
    /// A quorum call, for which each replica makes a multicast to its peers.
    NestedWrite { entry: Entry },
    /// Reports of new values.
    Watch { key: String },
    /// The replicas' views of each other.
    Peers,
    /// The list of the replicas.
    Nodes,
    /// The list of the commands.
    Help,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A call to one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rpc {
    Read { key: String },
    Write(Entry),
}

/// A quorum call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Quorum {
    Read { key: String },
    CorrectableRead { key: String },
    Write(Entry),
}

/// Why a line is not a command.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Command(#[from] prompt::CommandError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// The commands and what they do, in the order in which help shows them.
pub(crate) const COMMANDS: [(&str, &str); 11] = [
    (
        QC,
        "a quorum call on all replicas; cread prints better values as replies arrive",
    ),
    (
        CFG,
        "a quorum call on some replicas, such as 0,2 or 0:2 (0 and 1)",
    ),
    (RPC, "a call to one replica"),
    (UCAST, "a one-way write to one replica"),
    (MCAST, "a one-way write to all replicas"),
    (
        NREAD,
        "a quorum call on all replicas, each of which makes one on its peers",
    ),
    (
        NWRITE,
        "a quorum call on all replicas, each of which sends the value to its peers",
    ),
    (WATCH, "from now on, print each new value of the key"),
    (
        PEERS,
        "which peers each replica is connected to, since when, and the last failure",
    ),
    (
        NODES,
        "the replicas' numbers, ids, addresses, latencies and last errors",
    ),
    (HELP, "this list; quote arguments that contain spaces"),
];

const QC: &str = "qc read KEY | qc cread KEY | qc write KEY VALUE";
const CFG: &str = "cfg REPLICAS read KEY | ... cread KEY | ... write KEY VALUE";
const RPC: &str = "rpc REPLICA read KEY | rpc REPLICA write KEY VALUE";
const UCAST: &str = "ucast REPLICA KEY VALUE";
const MCAST: &str = "mcast KEY VALUE";
const NREAD: &str = "nread KEY";
const NWRITE: &str = "nwrite KEY VALUE";
const WATCH: &str = "watch KEY";
const PEERS: &str = "peers";
const NODES: &str = "nodes";
const HELP: &str = "help";

impl Command {
    /// Parses the words of a line.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, CommandError> {
        let no_command = || prompt::CommandError::of(words, &COMMANDS);
        Ok(match words {
            ["qc", call @ ..] => Self::Quorum {
                call: Quorum::parse(call).ok_or_else(no_command)?,
            },
            ["cfg", replicas, call @ ..] => Self::Configuration {
                call: Quorum::parse(call).ok_or_else(no_command)?,
                replicas: replicas.parse()?,
            },
            ["rpc", replica, call @ ..] => Self::Rpc {
                call: Rpc::parse(call).ok_or_else(no_command)?,
                replica: number(replica)?,
            },
            ["ucast", replica, entry @ ..] => Self::Unicast {
                entry: Entry::parse(entry).ok_or_else(no_command)?,
                replica: number(replica)?,
            },
            ["mcast", entry @ ..] => Self::Multicast {
                entry: Entry::parse(entry).ok_or_else(no_command)?,
            },
            ["nread", key] => Self::NestedRead {
                key: (*key).to_string(),
            },
            ["nwrite", entry @ ..] => Self::NestedWrite {
                entry: Entry::parse(entry).ok_or_else(no_command)?,
            },
            ["watch", key] => Self::Watch {
                key: (*key).to_string(),
            },
            ["peers"] => Self::Peers,
            ["nodes"] => Self::Nodes,
            ["help"] => Self::Help,
            _ => return Err(no_command().into()),
        })
    }
}

impl Quorum {
    fn parse(words: &[&str]) -> Option<Self> {
        Some(match words {
            ["read", key] => Self::Read {
                key: (*key).to_string(),
            },
            ["cread", key] => Self::CorrectableRead {
                key: (*key).to_string(),
            },
            ["write", entry @ ..] => Self::Write(Entry::parse(entry)?),
            _ => return None,
        })
    }
}

impl Rpc {
    fn parse(words: &[&str]) -> Option<Self> {
        Some(match words {
            ["read", key] => Self::Read {
                key: (*key).to_string(),
            },
            ["write", entry @ ..] => Self::Write(Entry::parse(entry)?),
            _ => return None,
        })
    }
}

impl Entry {
    fn parse(words: &[&str]) -> Option<Self> {
        let [key, value] = words else {
            return None;
        };
        Some(Self {
            key: (*key).to_string(),
            value: (*value).to_string(),
        })
    }
}

/// The number of a replica.
fn number(word: &str) -> Result<usize, SelectionError> {
    let malformed = |_| SelectionError::Malformed(word.to_string());
    word.parse().map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> Entry {
        Entry {
            key: key.to_string(),
            value: value.to_string(),
        }
    }

    fn parse(line: &str) -> Result<Command, CommandError> {
        let words: Vec<&str> = line.split(' ').collect();
        Command::parse(&words)
    }

    #[test]
    fn every_call_type_has_a_command() {
        let key = || "k".to_string();
        for (line, command) in [
            (
                "qc read k",
                Command::Quorum {
                    call: Quorum::Read { key: key() },
                },
            ),
            (
                "cfg 0,2 cread k",
                Command::Configuration {
                    replicas: Selection::List(vec![0, 2]),
                    call: Quorum::CorrectableRead { key: key() },
                },
            ),
            (
                "rpc 1 read k",
                Command::Rpc {
                    replica: 1,
                    call: Rpc::Read { key: key() },
                },
            ),
            (
                "rpc 1 write k v",
                Command::Rpc {
                    replica: 1,
                    call: Rpc::Write(entry("k", "v")),
                },
            ),
            (
                "ucast 0 k v",
                Command::Unicast {
                    replica: 0,
                    entry: entry("k", "v"),
                },
            ),
            (
                "mcast k v",
                Command::Multicast {
                    entry: entry("k", "v"),
                },
            ),
            ("nread k", Command::NestedRead { key: key() }),
            (
                "nwrite k v",
                Command::NestedWrite {
                    entry: entry("k", "v"),
                },
            ),
            ("watch k", Command::Watch { key: key() }),
            ("peers", Command::Peers),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        let usage = |usage| CommandError::from(prompt::CommandError::Usage(usage));
        let malformed = |text: &str| SelectionError::Malformed(text.to_string()).into();
        for (line, why) in [
            ("qc", usage(QC)),
            ("qc write k", usage(QC)),
            ("qc read a b", usage(QC)),
            ("cfg", usage(CFG)),
            ("cfg 0:1 erase k", usage(CFG)),
            ("cfg all read k", malformed("all")),
            ("rpc 0", usage(RPC)),
            ("rpc 0 cread k", usage(RPC)),
            ("rpc one read k", malformed("one")),
            ("ucast k v", usage(UCAST)),
            ("mcast k", usage(MCAST)),
            ("nread", usage(NREAD)),
            ("nwrite k", usage(NWRITE)),
            ("watch", usage(WATCH)),
            ("peers 1", usage(PEERS)),
            ("nodes all", usage(NODES)),
            (
                "reed k",
                prompt::CommandError::Unknown("reed".to_string()).into(),
            ),
        ] {
            assert_eq!(parse(line), Err(why), "{line:?}");
        }
    }
}
