//! What requests to a node go over.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

use super::attempts::Attempts;
use super::body::{FrameBody, Receipt};
use super::direct::Direct;
use super::head::Head;
use super::{status, unary};
use crate::deadline::Deadline;

/// The connections to a node, and the attempts to make them. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Link(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    channel: Channel,
    /// In place of the channel for calls with one reply.
    direct: Option<Direct>,
    attempts: Attempts,
}

impl Link {
    pub(super) fn new(channel: Channel, direct: Option<Direct>, attempts: Attempts) -> Self {
        Self(Arc::new(Inner {
            channel,
            direct,
            attempts,
        }))
    }

    pub(crate) fn channel(&self) -> Channel {
        self.0.channel.clone()
    }

    /// Sends a request once there is a connection, and waits for the reply.
    pub(super) async fn exchange<R>(
        &self,
        head: &Head,
        frame: Bytes,
        receipt: Option<Receipt>,
    ) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        if let Some(direct) = &self.0.direct {
            let response = direct.exchange(head.request(()), frame, receipt).await?;
            return unary::reply(response, head).await;
        }
        let body = Body::new(FrameBody::new(frame, receipt));
        let mut channel = self.channel();
        let channel = channel.ready().await;
        let channel = channel.map_err(|error| status::unavailable(error.into()))?;
        let response = channel.call(head.request(body)).await;
        let response = response.map_err(|error| Status::from_error(error.into()))?;
        unary::reply(response, head).await
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
