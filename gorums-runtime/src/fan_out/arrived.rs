//! What arrives from a node.

use crate::node_info::NodeError;

/// What arrives from a node: a reply, an error, or `None` once it sends no more replies although it has not failed.
pub(crate) type Arrived<R> = Result<Option<R>, NodeError>;
