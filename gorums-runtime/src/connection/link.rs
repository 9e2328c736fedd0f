//! What requests to a node go over.

use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Channel;

use super::attempts::Attempts;
use super::direct::Direct;
use crate::call::Deadline;
use crate::status;

/// The connections to a node, and the attempts to make them. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Link(Arc<LinkParts>);

#[derive(Debug)]
struct LinkParts {
    channel: Channel,
    /// In place of the channel for calls with one reply.
    direct: Option<Direct>,
    attempts: Attempts,
}

impl Link {
    pub(super) fn new(channel: Channel, direct: Option<Direct>, attempts: Attempts) -> Self {
        Self(Arc::new(LinkParts {
            channel,
            direct,
            attempts,
        }))
    }

    pub(crate) fn channel(&self) -> Channel {
        self.0.channel.clone()
    }

    /// The connection that calls with one reply take in place of the channel, unless the manager has an option that only
    /// a channel has.
    pub(crate) fn direct(&self) -> Option<&Direct> {
        self.0.direct.as_ref()
    }

    /// When the latest connection was first of use. None before there was one.
    pub(crate) fn connected(&self) -> Option<Instant> {
        self.0.attempts.connected()
    }

    /// Gives up the connections: the node does not answer on them. The next request makes another.
    pub(crate) fn give_up(&self) {
        self.0.attempts.give_up();
    }

    /// The status by the rules of this crate of a request that failed with `status`.
    pub(crate) fn normalise(&self, status: Status, deadline: Deadline) -> Status {
        let status = status::normalise(status, deadline);
        if status::could_not_connect(&status) {
            self.0.attempts.explain(status.message());
        }
        status
    }
}
