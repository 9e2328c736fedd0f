//! A channel that sends a request in one piece.

use std::task::{Context, Poll};

use bytes::Bytes;
use tonic::body::Body;
use tonic::transport::Channel;

use super::body::{FrameBody, Receipt};

/// Sends `frame` as the body of each request, in place of the body that tonic made.
///
/// The frame is shared by all nodes, and it ends the request's stream. tonic's own bodies end theirs with one more,
/// empty frame, so that the message is a small frame which does not end its stream. Of those an HTTP/2 server holds
/// only so many that its handlers have not read, and then closes the connection (`too_many_data_frames`), which a
/// burst of calls brings about at once.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    channel: Channel,
    frame: Bytes,
    receipt: Option<Receipt>,
}

impl Framed {
    pub(super) fn new(channel: Channel, frame: Bytes, receipt: Option<Receipt>) -> Self {
        Self {
            channel,
            frame,
            receipt,
        }
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
        let body = Body::new(FrameBody::new(self.frame.clone(), self.receipt.clone()));
        tower::Service::call(&mut self.channel, request.map(|_| body))
    }
}
