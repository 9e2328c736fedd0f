//! When and where a message came.

use std::time::Duration;

use tokio::time::Instant;

use crate::wire::StreamNumber;

/// When a message came, and on which stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: StreamNumber,
    /// When the stream began to take requests.
    pub(crate) opened: Instant,
    pub(crate) at: Instant,
}

impl Arrival {
    /// How long it took the node to reply to a request that was sent at `sent`. What was queued while the stream was being
    /// opened was not at the node yet.
    pub(super) fn latency(&self, sent: Instant) -> Duration {
        self.at.saturating_duration_since(sent.max(self.opened))
    }
}
