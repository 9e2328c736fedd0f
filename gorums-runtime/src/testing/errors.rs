//! Errors for mocks to return.

use std::sync::Arc;

use tonic::Status;

use super::replicas::address;
use crate::call::Method;
use crate::identity::NodeId;
use crate::node_info::NodeError;
use crate::one_way::MulticastError;
use crate::quorum_call::{QuorumCallError, QuorumCallErrorKind};

/// Creates the error of a call that failed with `status` on a node, for a mock to return.
///
/// ```
/// use gorums_runtime::tonic::{Code, Status};
/// use gorums_runtime::{NodeId, testing};
///
/// let error = testing::node_error(NodeId::new(2), Status::unavailable("down"));
/// assert_eq!((error.node_id(), error.code()), (NodeId::new(2), Code::Unavailable));
/// ```
pub fn node_error(node: NodeId, status: Status) -> NodeError {
    NodeError::new(node, Arc::from(address(node).to_string()), status)
}

/// Creates the error of a quorum call of `M` that got this number of `replies` and these `errors`, for a mock to
/// return.
///
/// ```
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// use gorums_runtime::tonic::Status;
/// use gorums_runtime::errors::QuorumCallErrorKind;
/// use gorums_runtime::{NodeId, testing};
/// use register::register_gorums::methods::Read;
///
/// let down = testing::node_error(NodeId::new(2), Status::unavailable("down"));
/// let error = testing::quorum_call_error::<Read>(QuorumCallErrorKind::Incomplete, 1, [down]);
/// assert!(error.to_string().starts_with("register.Register/Read: incomplete call"));
/// ```
pub fn quorum_call_error<M: Method>(
    kind: QuorumCallErrorKind,
    replies: usize,
    errors: impl IntoIterator<Item = NodeError>,
) -> QuorumCallError {
    let errors = errors.into_iter().collect();
    QuorumCallError::new(M::DESCRIPTOR.full_name(), kind.into(), replies, errors)
}

/// Creates the error of a multicast of `M` to this number of `nodes` that failed on those of `errors`, for a mock to
/// return.
///
/// ```
/// # mod one_way { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/one_way.rs")); }
/// use gorums_runtime::tonic::Status;
/// use gorums_runtime::{NodeId, testing};
/// use one_way::one_way_gorums::methods::Append;
///
/// let down = testing::node_error(NodeId::new(2), Status::unavailable("down"));
/// let error = testing::multicast_error::<Append>(3, [down]);
/// assert!(error.to_string().starts_with("one_way.OneWay/Append: not sent to 1 of 3 nodes"));
/// ```
pub fn multicast_error<M: Method>(
    nodes: usize,
    errors: impl IntoIterator<Item = NodeError>,
) -> MulticastError {
    let errors = errors.into_iter().collect();
    MulticastError::not_sent(M::DESCRIPTOR.full_name(), nodes, errors)
}
