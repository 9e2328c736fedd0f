//! Why a multicast did not reach all its nodes.

use std::error::Error;
use std::fmt;

use crate::node_info::{Listed, NodeError};
use crate::support::Panicked;

/// Why a multicast did not reach all its nodes. It was sent to the others.
#[derive(Clone, Debug)]
pub struct MulticastError {
    method: &'static str,
    cause: Cause,
}

#[derive(Clone, Debug)]
enum Cause {
    NotSent {
        nodes: usize,
        failed: Vec<NodeError>,
    },
    Panicked(Panicked),
}

impl MulticastError {
    pub(crate) fn not_sent(method: &'static str, nodes: usize, failed: Vec<NodeError>) -> Self {
        let cause = Cause::NotSent { nodes, failed };
        Self { method, cause }
    }

    pub(super) fn panicked(method: &'static str, panicked: Panicked) -> Self {
        let cause = Cause::Panicked(panicked);
        Self { method, cause }
    }

    /// The message of the panic, if one kept the request from being sent to any node.
    pub fn panic_message(&self) -> Option<&str> {
        match &self.cause {
            Cause::NotSent { .. } => None,
            Cause::Panicked(panicked) => Some(&panicked.0),
        }
    }

    /// The nodes that the request could not be sent to, and why. Empty if the function that makes each node's request
    /// panicked: then nothing was sent.
    pub fn errors(&self) -> &[NodeError] {
        match &self.cause {
            Cause::NotSent { failed, .. } => failed,
            Cause::Panicked(_) => &[],
        }
    }
}

/// `log.Log/Append: not sent to 1 of 3 nodes: node 2 (127.0.0.1:8081): Unavailable: connection refused`
impl fmt::Display for MulticastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method;
        match &self.cause {
            Cause::NotSent { nodes, failed } => {
                let failures = failed.len();
                write!(
                    f,
                    "{method}: not sent to {failures} of {nodes} nodes: {}",
                    Listed(failed)
                )
            }
            Cause::Panicked(panicked) => write!(f, "{method}: {panicked}"),
        }
    }
}

/// The nodes on which the call failed.
impl AsRef<[NodeError]> for MulticastError {
    fn as_ref(&self) -> &[NodeError] {
        self.errors()
    }
}

impl Error for MulticastError {}
