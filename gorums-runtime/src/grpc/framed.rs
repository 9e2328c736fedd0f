//! Lets tonic's client send a body of this crate.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use tonic::body::Body;
use tonic::transport::Channel;

use crate::call::Deadline;
use crate::connection::{Link, checked};

/// Sends one request with `body` in place of tonic's, and checks the response before tonic reads it.
///
/// A body of one frame shares that frame with the requests to all nodes, and the frame ends the request's stream.
/// tonic's own bodies end theirs with another, empty frame, so that the message is a small frame which does not end its
/// stream. An HTTP/2 server buffers only so many of these until its handlers read them, and then closes the connection
/// (`too_many_data_frames`). One burst of calls is enough for that.
#[derive(Debug)]
pub(super) struct Framed {
    link: Link,
    channel: Channel,
    body: Body,
    deadline: Deadline,
}

impl Framed {
    pub(super) fn new(link: Link, body: Body, deadline: Deadline) -> Self {
        Self {
            channel: link.channel(),
            link,
            body,
            deadline,
        }
    }
}

impl tower::Service<http::Request<Body>> for Framed {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.channel, cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (body, deadline) = (std::mem::take(&mut self.body), self.deadline);
        let response = tower::Service::call(&mut self.channel, request.map(|_| body));
        let link = self.link.clone();
        response
            .map_ok(
                move |response| match link.check_answer(response.headers()) {
                    Ok(()) => checked(response, deadline, ()),
                    Err(status) => status.into_http(),
                },
            )
            .boxed()
    }
}
