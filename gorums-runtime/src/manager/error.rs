//! Why a manager could not be made or changed.

use std::io;

use crate::configuration::UnknownNode;
use crate::identity::NodeSpec;
use crate::node_info::{Listed, NodeError};
use crate::status::root_cause;
#[cfg(feature = "_tls-any")]
use crate::tls::CredentialsError;

/// Why a manager could not be made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// An address is not of the form `host:port`, or an id cannot be derived from it because its name cannot be resolved.
    #[error(
        "the address {address:?} of a node cannot be used: {source}; give host:port, or unix:PATH"
    )]
    InvalidAddress {
        /// The address as it was given.
        address: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A node was given the id 0.
    #[error("{node}: the node id 0 is reserved; choose one from 1 on")]
    ReservedId {
        /// The node.
        node: NodeSpec,
    },
    /// Two nodes have one id.
    #[error("{first} and {second} have the same id; choose different ids")]
    DuplicateId {
        /// The node that was given first.
        first: NodeSpec,
        /// The node that was given later.
        second: NodeSpec,
    },
    /// Two nodes have one address.
    #[error("{first} and {second} have the same address; give each address once")]
    DuplicateAddress {
        /// The node that was given first.
        first: NodeSpec,
        /// The node that was given later.
        second: NodeSpec,
    },
    /// The builder's options are not valid for a node.
    #[error(
        "{node}: cannot be connected to as asked: {}; correct the user agent",
        root_cause(source)
    )]
    InvalidOptions {
        /// The node.
        node: NodeSpec,
        /// What is wrong.
        source: tonic::transport::Error,
    },
    /// The credentials cannot be used to connect to nodes.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A node was to be removed that the manager does not have.
    #[error(transparent)]
    UnknownNode(#[from] UnknownNode),
    /// A node was to be added to a manager that is closed.
    #[error("cannot add {node}: the manager is closed")]
    Closed {
        /// The node.
        node: NodeSpec,
    },
    /// Nodes could not be connected to.
    #[error("cannot connect to {} of {nodes} nodes: {}", failed.len(), Listed(failed))]
    Connect {
        /// How many nodes there are.
        nodes: usize,
        /// The nodes that could not be connected to, and why.
        failed: Vec<NodeError>,
    },
}
