//! Why a multicast did not reach all its nodes.

use std::error::Error;
use std::fmt;

use crate::node_error::{Listed, NodeError};

/// The nodes that a multicast could not be sent to. It was sent to the others.
#[derive(Clone, Debug)]
pub struct MulticastError {
    method: &'static str,
    nodes: usize,
    failed: Vec<NodeError>,
}

impl MulticastError {
    pub(super) fn new(method: &'static str, nodes: usize, failed: Vec<NodeError>) -> Self {
        Self {
            method,
            nodes,
            failed,
        }
    }

    /// The nodes that it could not be sent to, and why.
    pub fn errors(&self) -> &[NodeError] {
        &self.failed
    }
}

/// `log.Log/Append: not sent to 1 of 3 nodes: node 2 (127.0.0.1:8081): Unavailable: connection refused`
impl fmt::Display for MulticastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            nodes,
            failed,
        } = self;
        let failures = failed.len();
        write!(
            f,
            "{method}: not sent to {failures} of {nodes} nodes: {}",
            Listed(failed)
        )
    }
}

/// The nodes on which the call failed.
impl AsRef<[NodeError]> for MulticastError {
    fn as_ref(&self) -> &[NodeError] {
        self.errors()
    }
}

impl Error for MulticastError {}
