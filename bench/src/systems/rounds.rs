//! The messages of a command.

use std::fmt;

use serde::Serialize;

/// The messages of a command, if nothing goes wrong. A round waits for a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rounds {
    /// The client asks a majority for a value.
    Query,
    /// It does, and then gives a value to a majority.
    QueryAndStore,
    /// The client gives a value to a leader, which gives it to a quorum.
    Led {
        /// How many replicas lead, each for its share of the clients.
        leaders: usize,
        /// How many replicas have to answer the leader.
        quorum: usize,
        /// Whether the leader calls itself, too.
        itself: bool,
        /// Whether the leader then tells all replicas, without waiting for them.
        commit: bool,
    },
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query => f.write_str("the client's query of a majority"),
            Self::QueryAndStore => {
                f.write_str("the client's query of a majority, and its store at a majority")
            }
            Self::Led {
                leaders,
                quorum,
                itself,
                commit,
            } => {
                match leaders {
                    1 => f.write_str("a call to the leader")?,
                    leaders => write!(f, "a call to one of {leaders} leaders")?,
                }
                let replicas = if *itself { "replicas" } else { "others" };
                write!(
                    f,
                    ", its round to all {replicas} until {quorum} of them have answered"
                )?;
                match commit {
                    true => f.write_str(", and its multicast to all"),
                    false => Ok(()),
                }
            }
        }
    }
}
