//! Why there is no such system.

use crate::identity::NodeId;
use crate::manager::ManagerError;
use crate::server::error::ServerError;
#[cfg(feature = "_tls-any")]
use crate::tls::CredentialsError;

/// Why a system could not be made, served or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The process's own id is not among those of the members.
    #[error(
        "node {node_id} is not among the members {}; add it, with its own address",
        listed(members)
    )]
    NotAMember {
        /// The process's own id.
        node_id: NodeId,
        /// The ids of the members.
        members: Vec<NodeId>,
    },
    /// The name of the cluster cannot be sent in a header.
    #[error("the cluster's name {name:?} is not valid; give 1 to 128 visible ASCII characters")]
    InvalidCluster {
        /// The name as it was given.
        name: String,
    },
    /// The process's own certificate does not prove its id, so the other members would refuse it.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    #[error("{why}; give node {node_id} a certificate of its own")]
    Unproved {
        /// The process's own id.
        node_id: NodeId,
        /// What the certificate proves.
        why: String,
    },
    /// The credentials have no certificate or no authorities.
    #[cfg(feature = "_tls-any")]
    #[error("members of a system need a certificate and authorities: {0}")]
    Credentials(#[from] CredentialsError),
    /// The system was set up without TLS, and has no credentials that could be replaced.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    #[error("the system does not use TLS; set it up with credentials")]
    NoTls,
    /// The system serves already, or has been stopped.
    #[error("the system serves already, or has been stopped; serve all services with one router")]
    ServesAlready,
    /// The members' addresses or the options of their connections are not valid, or the membership cannot be changed.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// The process cannot listen on its address, or the server failed.
    #[error(transparent)]
    Server(#[from] ServerError),
}

fn listed(members: &[NodeId]) -> String {
    let ids: Vec<String> = members.iter().map(NodeId::to_string).collect();
    ids.join(", ")
}
