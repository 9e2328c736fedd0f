//! The channel to a node, for tonic's clients.

use std::fmt;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;

use super::Node;
use crate::call::Deadline;
use crate::connection::checked;
use crate::identity::introduce_like;

/// The gRPC channel to a node, for use with any tonic client: `StorageClient::new(node.channel())`. [`Node::channel`]
/// creates it. A cheap handle: clones share the connection.
///
/// It wraps tonic's own [`Channel`] and protects it from a faulty node. Headers or trailers that would make tonic panic
/// are corrected. A call whose connection or stream breaks fails with `Unavailable`, whatever the transport's own
/// error. A member of a system calls as that member, and a reply of another node than the expected one is an error, as
/// with all other calls.
///
/// The channel, and each call in flight on it, keep the node connected.
#[derive(Clone)]
pub struct NodeChannel {
    channel: Channel,
    node: Node,
}

impl NodeChannel {
    pub(crate) fn new(channel: Channel, node: Node) -> Self {
        Self { channel, node }
    }
}

impl Service<http::Request<Body>> for NodeChannel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let ready = self.channel.poll_ready(cx);
        ready.map_err(|error| lost(&self.node, error))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let node = self.node.clone();
        introduce_like(&node.message_options().metadata, request.headers_mut());
        let response = self.channel.call(request);
        async move {
            let response = response.await.map_err(|error| lost(&node, error))?;
            node.check_answer(response.headers())?;
            Ok(checked(response, Deadline::none(), node))
        }
        .boxed()
    }
}

/// The status of a call whose transport failed.
fn lost(node: &Node, error: tonic::transport::Error) -> Status {
    node.info()
        .explain(node.normalise(Status::from_error(error.into())))
}

impl fmt::Debug for NodeChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeChannel").field(&self.node).finish()
    }
}
