//! How a call fails on one node.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tonic::{Code, Status};

use crate::call::CallOutcome;
use crate::identity::NodeId;
use crate::status;
use crate::support::cut;
use crate::tls::TlsError;

/// Why a call failed on one node.
#[derive(Clone, Debug)]
pub struct NodeError {
    node: NodeId,
    address: Arc<str>,
    status: Status,
}

impl NodeError {
    pub(crate) fn new(node: NodeId, address: Arc<str>, status: Status) -> Self {
        Self {
            node,
            address,
            status,
        }
    }

    /// Its size in bytes, without its status's source.
    pub(crate) fn size(&self) -> usize {
        status::size(&self.status)
    }

    /// Reduces it to its code and a part of the message.
    pub(crate) fn shorten(&mut self) {
        let message = cut(self.status.message().to_string(), LISTED);
        self.status = Status::new(self.status.code(), message);
    }

    /// The node on which the call failed.
    pub fn node_id(&self) -> NodeId {
        self.node
    }

    /// The node's address as it was given to the manager, or `unknown`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The status that the node answered with, or the reason why it did not: `Unavailable` if it could not be reached
    /// or its connection broke, `DeadlineExceeded` if the call's deadline passed, `NotFound` if the configuration does
    /// not have it.
    ///
    /// A node's message of more than 4 KiB is cut in the middle. Details or metadata of more than 16 KiB are dropped.
    /// The message says so in square brackets.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Why there is no connection to the node, if that is because of TLS. `None` for all other errors, and in
    /// [lists](crate::errors::QuorumCallError) of errors that were shortened.
    pub fn tls(&self) -> Option<&TlsError> {
        status::find_cause(&self.status)
    }

    /// The code of [`status`](Self::status).
    pub fn code(&self) -> Code {
        self.status.code()
    }

    /// The status alone, for code that passes it on.
    pub fn into_status(self) -> Status {
        self.status
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            address,
            status,
        } = self;
        write!(f, "node {node} ({address}): {:?}", status.code())?;
        if !status.message().is_empty() {
            write!(f, ": {}", status.message())?;
        }
        Ok(())
    }
}

impl Error for NodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.status)
    }
}

/// The status of a handler whose nested call failed: the same code, with a text that names the node.
impl From<NodeError> for Status {
    fn from(error: NodeError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The outcome of a call to one node that failed with this error.
impl From<&NodeError> for CallOutcome {
    fn from(error: &NodeError) -> Self {
        match error.code() {
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            _ => Self::Failed,
        }
    }
}

/// The most bytes of an error in a list, or of a shortened message.
const LISTED: usize = 512;

/// Node errors on one line.
pub(crate) struct Listed<'a>(pub(crate) &'a [NodeError]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&cut(error.to_string(), LISTED))?;
        }
        Ok(())
    }
}
