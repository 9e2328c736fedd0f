//! What the streams to the nodes of one manager have in common.

use super::reverse::ReverseService;
use crate::connection::Backoff;
use crate::wire::Capacity;

/// The options of the stream to one node.
#[derive(Clone, Debug)]
pub(crate) struct StreamOptions {
    /// How much the queue holds.
    pub(crate) queue: Capacity,
    /// How many decided calls may go on.
    pub(crate) stragglers: usize,
    pub(crate) backoff: Backoff,
    /// What serves the calls that the nodes make to this client. `None` if it accepts none.
    pub(crate) reverse: Option<ReverseService>,
}
