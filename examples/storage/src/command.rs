//! The commands of the client, and their syntax.

use crate::selection::{Selection, SelectionError};

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// An empty line or a comment.
    Nothing,
    /// The end of the session.
    Exit,
    /// A command.
    Command(Command),
}

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
    #[error("a quote is not closed")]
    Quotation,
    #[error("there is no command {0:?}; help lists the commands")]
    Unknown(String),
    #[error("usage: {0}")]
    Usage(&'static str),
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// The commands and what they do, in the order in which help shows them.
pub(crate) const COMMANDS: [(&str, &str); 12] = [
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
    (EXIT, "end the client; quit does the same"),
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
const EXIT: &str = "exit";

impl Line {
    /// Parses a line, with the quoting of a shell.
    pub(crate) fn parse(line: &str) -> Result<Self, CommandError> {
        let words = shell_words::split(line).map_err(|_| CommandError::Quotation)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((name, arguments)) = words.split_first() else {
            return Ok(Self::Nothing);
        };
        let usage = CommandError::Usage;
        Ok(Self::Command(match (*name, arguments) {
            ("qc", call) => Command::Quorum {
                call: Quorum::parse(call).ok_or(usage(QC))?,
            },
            ("cfg", [replicas, call @ ..]) => Command::Configuration {
                call: Quorum::parse(call).ok_or(usage(CFG))?,
                replicas: replicas.parse()?,
            },
            ("cfg", []) => return Err(usage(CFG)),
            ("rpc", [replica, call @ ..]) => Command::Rpc {
                call: Rpc::parse(call).ok_or(usage(RPC))?,
                replica: number(replica)?,
            },
            ("rpc", []) => return Err(usage(RPC)),
            ("ucast", [replica, entry @ ..]) => Command::Unicast {
                entry: Entry::parse(entry).ok_or(usage(UCAST))?,
                replica: number(replica)?,
            },
            ("ucast", []) => return Err(usage(UCAST)),
            ("mcast", entry) => Command::Multicast {
                entry: Entry::parse(entry).ok_or(usage(MCAST))?,
            },
            ("nread", [key]) => Command::NestedRead {
                key: (*key).to_string(),
            },
            ("nread", _) => return Err(usage(NREAD)),
            ("nwrite", entry) => Command::NestedWrite {
                entry: Entry::parse(entry).ok_or(usage(NWRITE))?,
            },
            ("watch", [key]) => Command::Watch {
                key: (*key).to_string(),
            },
            ("watch", _) => return Err(usage(WATCH)),
            ("peers", []) => Command::Peers,
            ("peers", _) => return Err(usage(PEERS)),
            ("nodes", []) => Command::Nodes,
            ("nodes", _) => return Err(usage(NODES)),
            ("help", []) => Command::Help,
            ("help", _) => return Err(usage(HELP)),
            ("exit" | "quit", []) => return Ok(Self::Exit),
            ("exit" | "quit", _) => return Err(usage(EXIT)),
            (name, _) => return Err(CommandError::Unknown(name.to_string())),
        }))
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

    fn write(key: &str, value: &str) -> Result<Line, CommandError> {
        let call = Quorum::Write(entry(key, value));
        Ok(Line::Command(Command::Quorum { call }))
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
            assert_eq!(Line::parse(line), Ok(Line::Command(command)), "{line}");
        }
    }

    #[test]
    fn arguments_may_be_quoted_and_empty() {
        assert_eq!(Line::parse("qc write k v"), write("k", "v"));
        let quoted = Line::parse("  qc write 'a key' \"a value\" ");
        assert_eq!(quoted, write("a key", "a value"));
        assert_eq!(Line::parse("qc write k ''"), write("k", ""));
        assert_eq!(Line::parse(r"qc write k a\ b"), write("k", "a b"));
    }

    #[test]
    fn empty_lines_and_comments_say_nothing() {
        for line in ["", "   ", "# a comment"] {
            assert_eq!(Line::parse(line), Ok(Line::Nothing), "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        let malformed = |text: &str| SelectionError::Malformed(text.to_string()).into();
        for (line, why) in [
            ("qc", CommandError::Usage(QC)),
            ("qc write k", CommandError::Usage(QC)),
            ("qc read a b", CommandError::Usage(QC)),
            ("cfg", CommandError::Usage(CFG)),
            ("cfg 0:1 erase k", CommandError::Usage(CFG)),
            ("cfg all read k", malformed("all")),
            ("rpc 0", CommandError::Usage(RPC)),
            ("rpc 0 cread k", CommandError::Usage(RPC)),
            ("rpc one read k", malformed("one")),
            ("ucast k v", CommandError::Usage(UCAST)),
            ("mcast k", CommandError::Usage(MCAST)),
            ("nread", CommandError::Usage(NREAD)),
            ("nwrite k", CommandError::Usage(NWRITE)),
            ("watch", CommandError::Usage(WATCH)),
            ("peers 1", CommandError::Usage(PEERS)),
            ("nodes all", CommandError::Usage(NODES)),
            ("exit now", CommandError::Usage(EXIT)),
            ("qc write k 'v", CommandError::Quotation),
            ("reed k", CommandError::Unknown("reed".to_string())),
        ] {
            assert_eq!(Line::parse(line), Err(why), "{line:?}");
        }
    }
}
