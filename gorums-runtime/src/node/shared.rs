//! What the nodes of one manager have in common.

use std::sync::Arc;

use crate::call::{MessageOptions, Transport};
use crate::connection::Backoff;
use crate::node_info::{Connections, Reports};
use crate::node_stream::{Calls, ReverseService};
use crate::wire::Capacity;

/// What the nodes of one manager have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) messages: Arc<MessageOptions>,
    pub(crate) reports: Reports,
    pub(crate) connections: Connections,
    /// Whether node streams are opened at once and kept open.
    pub(crate) keep_connected: bool,
    pub(crate) transport: Transport,
    pub(crate) calls: Calls,
    pub(crate) backoff: Backoff,
    /// What serves the calls that the nodes make to this client. `None` if it accepts none.
    pub(crate) reverse: Option<ReverseService>,
}

/// Limits on unawaited work per node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many decided calls may go on.
    pub(crate) stragglers: usize,
    /// How many one-way calls may be in flight over plain gRPC.
    pub(crate) one_way: usize,
    /// How much may be enqueued on the node stream.
    pub(crate) queue: Capacity,
}
