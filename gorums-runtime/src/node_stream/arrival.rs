//! When, and on which stream, messages arrived.

use std::time::Duration;

use tokio::time::Instant;

use crate::wire::StreamNumber;

/// When a message arrived, and on which stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: StreamNumber,
    /// When the stream began to take requests.
    pub(crate) opened: Instant,
    pub(crate) at: Instant,
}

impl Arrival {
    /// The node's latency for a request that was sent at `sent`. The time that a request waited for the stream to open
    /// does not count.
    pub(super) fn latency(&self, sent: Instant) -> Duration {
        self.at.saturating_duration_since(sent.max(self.opened))
    }
}
