//! What requests to a node go over.

use tonic::Status;
use tonic::transport::Channel;

use super::attempts::Attempts;
use super::status;
use crate::deadline::Deadline;

/// The channel to a node, and the attempts to connect it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    channel: Channel,
    attempts: Attempts,
}

impl Link {
    pub(super) fn new(channel: Channel, attempts: Attempts) -> Self {
        Self { channel, attempts }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The status by the rules of this crate of a request that failed with `status`.
    pub(crate) fn normalise(&self, status: Status, deadline: Deadline) -> Status {
        let status = status::normalise(status, deadline);
        if status::could_not_connect(&status) {
            self.attempts.explain(status.message());
        }
        status
    }
}
