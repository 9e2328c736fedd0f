//! A channel that sends a body of ours.

use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::transport::Channel;

/// Sends one request, with `body` in place of the body that tonic made.
///
/// The bodies that carry one frame share it with those of all nodes, and it ends the request's stream. tonic's own
/// bodies end theirs with one more, empty frame, so that the message is a small frame which does not end its stream. Of
/// those an HTTP/2 server holds only so many that its handlers have not read, and then closes the connection
/// (`too_many_data_frames`), which a burst of calls brings about at once.
#[derive(Debug)]
pub(super) struct Framed {
    channel: Channel,
    body: Body,
}

impl Framed {
    pub(super) fn new(channel: Channel, body: Body) -> Self {
        Self { channel, body }
    }
}

impl tower::Service<http::Request<Body>> for Framed {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as tower::Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.channel, cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let body = std::mem::take(&mut self.body);
        tower::Service::call(&mut self.channel, request.map(|_| body))
    }
}
