//! Why there is nothing to print.

use std::process::ExitCode;

use gorums_quorum::{ParseError, QuorumError};

use crate::expression;

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A text that is no quorum system.
    #[error("the {of} are no quorum system: {}\n{}", error.message(), expression::pointed_at(text, error.column()))]
    Expression {
        of: &'static str,
        text: String,
        error: ParseError,
    },
    #[error("the expression of the {of} has {characters} characters; at most {most} are read")]
    Long {
        of: &'static str,
        characters: usize,
        most: usize,
    },
    /// Reads and writes that do not meet.
    #[error(
        "reads and writes do not fit together: {0}\nwithout --writes, the writes are the dual of the reads and meet them"
    )]
    Apart(QuorumError),
    /// It is not known whether reads and writes meet.
    #[error(
        "it takes too long to find out whether all reads and writes meet; give one of them only, and the other is its dual"
    )]
    Undecided,
    #[error("there is no node {node}: the nodes are {}", nodes.join(", "))]
    UnknownNode { node: String, nodes: Vec<String> },
    #[error("node {node}: {error}")]
    Node {
        node: String,
        error: gorums_quorums::Error,
    },
    /// What was given cannot be.
    #[error("{0}")]
    Input(gorums_quorums::Error),
    /// There is no answer.
    #[error("{0}")]
    Answer(gorums_quorums::Error),
    #[error("the plot was not written: {0}")]
    Plot(String),
    #[error("the report was not printed: {0}")]
    Output(std::io::Error),
    #[error("the report is no JSON: {0}")]
    Json(serde_json::Error),
}

impl Failure {
    /// 2 if the question is not understood, as for other errors of usage, and 1 if there is no answer.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Answer(_) | Self::Plot(_) | Self::Output(_) | Self::Json(_) => 1,
            _ => 2,
        })
    }
}
