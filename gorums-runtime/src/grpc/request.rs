//! The requests of one call.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryFutureExt, TryStreamExt};
use prost::Message;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::body::{FrameBody, Receipt};
use super::codec::{ReplyCodec, frame};
use super::head::Head;
use super::link::Link;
use super::message_streams::{MessageStreams, SentMessage};
use crate::configuration::Configuration;
use crate::deadline::Deadline;
use crate::fan_out::PerNode;
use crate::method::Method;
use crate::node::Node;

/// What the requests of one call have in common.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(super) path: &'static str,
    metadata: Option<Arc<MetadataMap>>,
    pub(super) deadline: Deadline,
}

impl Envelope {
    /// The envelope of a call of `M`.
    pub(crate) fn new<M: Method>(
        mut metadata: Option<Arc<MetadataMap>>,
        deadline: Deadline,
    ) -> Self {
        // A stream of messages outlives the call that opens it.
        let timeout = deadline.grpc_timeout();
        if let Some(timeout) = timeout.filter(|_| !M::DESCRIPTOR.streams_requests()) {
            let mut request = Request::new(());
            *request.metadata_mut() = metadata.map(Arc::unwrap_or_clone).unwrap_or_default();
            request.set_timeout(timeout);
            metadata = Some(Arc::new(request.into_parts().0));
        }
        Self {
            path: M::DESCRIPTOR.path(),
            metadata,
            deadline,
        }
    }

    /// What is sent along with the request, the deadline included.
    pub(crate) fn metadata(&self) -> Option<&MetadataMap> {
        self.metadata.as_deref()
    }

    /// A request with `message` in it for `node` and all others of its manager. It is encoded here and not again.
    pub(crate) fn seal(&self, message: &impl Message, node: &Node) -> EncodedRequest {
        let options = node.message_options();
        EncodedRequest {
            frame: frame(message, options),
            head: Arc::new(Head::new(self, Arc::clone(options))),
        }
    }

    /// The requests for the nodes of `configuration`, in its order: `message` for all, encoded once, or what
    /// `per_node` makes of it for each, if it makes one.
    pub(crate) fn address<T: Message>(
        &self,
        configuration: &Configuration,
        message: &T,
        mut per_node: Option<PerNode<T>>,
    ) -> Vec<(Node, EncodedRequest)> {
        let mut shared = None;
        let address = |node: &Node| {
            let request = match &mut per_node {
                None => shared
                    .get_or_insert_with(|| self.seal(message, node))
                    .clone(),
                Some(per_node) => self.seal(&per_node(message, node.id())?, node),
            };
            Some((node.clone(), request))
        };
        configuration.nodes().filter_map(address).collect()
    }
}

/// A request in the form in which it is sent, to any number of nodes.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRequest {
    head: Arc<Head>,
    frame: Result<Bytes, Status>,
}

impl EncodedRequest {
    /// Sends the request to one node and waits for its reply. Dropping the future withdraws the request: the
    /// server sees the cancellation.
    pub(crate) async fn send<R>(self, link: Link) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        self.exchange(link, None).await
    }

    /// Sends the request to one node, which answers with a stream of replies. Dropping the stream withdraws the
    /// request.
    pub(crate) fn send_for_stream<R>(
        self,
        link: Link,
    ) -> impl Stream<Item = Result<R, Status>> + Send + 'static
    where
        R: Message + Default + 'static,
    {
        let deadline = self.head.deadline();
        let channel = link.channel();
        let replies = async move {
            let body = Body::new(FrameBody::new(self.frame?, None));
            let (mut client, request, path) = self.head.open(channel, body, ()).await?;
            client
                .server_streaming(request, path, ReplyCodec::<R>::default())
                .await
                .map(tonic::Response::into_inner)
        };
        replies
            .try_flatten_stream()
            .map_err(move |status| link.normalise(status, deadline))
    }

    /// Sends the request to one node and discards its reply. `receipt` tells when a connection has taken the
    /// request. An error may be of before that or of after.
    pub(crate) async fn send_one_way(self, link: Link, receipt: Receipt) -> Result<(), Status> {
        self.exchange(link, Some(receipt)).await
    }

    /// Sends the request as a message on the node's stream of its method.
    pub(crate) fn send_message(self, node: &Node) -> Result<SentMessage, Status> {
        Ok(MessageStreams::send(node, self.head, self.frame?))
    }

    async fn exchange<R>(self, link: Link, receipt: Option<Receipt>) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        let reply = link.exchange(&self.head, self.frame?, receipt).await;
        reply.map_err(|status| link.normalise(status, self.head.deadline()))
    }
}
