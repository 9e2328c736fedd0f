//! What the streams to the nodes of one manager have in common.

use crate::connection::Backoff;
use crate::wire::Capacity;

/// The options of the stream to one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamOptions {
    /// How much the queue holds.
    pub(crate) queue: Capacity,
    /// How many decided calls may go on.
    pub(crate) stragglers: usize,
    pub(crate) backoff: Backoff,
}
