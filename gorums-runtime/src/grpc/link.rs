//! What requests to a node go over.

use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

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

    /// Sends `request` once the channel is ready for it, and waits for the head of the response.
    pub(super) async fn exchange(
        &mut self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Status> {
        let channel = self.channel.ready().await;
        let channel = channel.map_err(|error| status::unavailable(error.into()))?;
        let response = channel.call(request).await;
        response.map_err(|error| Status::from_error(error.into()))
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
