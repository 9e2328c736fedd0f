//! The requests of one call.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryFutureExt, TryStreamExt};
use http::uri::PathAndQuery;
use prost::Message;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::body::{FrameBody, Receipt};
use super::codec::{ReplyCodec, frame};
use super::framed::Framed;
use super::link::Link;
use super::message_options::MessageOptions;
use super::message_streams::{MessageStreams, SentMessage};
use super::status;
use crate::deadline::Deadline;
use crate::fan_out::PerNode;
use crate::{Configuration, Method, Node};

/// What the requests of one call have in common.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    path: PathAndQuery,
    metadata: MetadataMap,
    deadline: Deadline,
}

impl Envelope {
    /// The envelope of a call of `M`.
    pub(crate) fn new<M: Method>(metadata: MetadataMap, deadline: Deadline) -> Self {
        let mut request = Request::new(());
        *request.metadata_mut() = metadata;
        // A stream of messages outlives the call that opens it.
        let timeout = deadline.grpc_timeout();
        if let Some(timeout) = timeout.filter(|_| !M::DESCRIPTOR.streams_requests()) {
            request.set_timeout(timeout);
        }
        let (metadata, ..) = request.into_parts();
        Self {
            path: PathAndQuery::from_static(M::DESCRIPTOR.path()),
            metadata,
            deadline,
        }
    }

    /// What is sent along with the request, the deadline included.
    pub(crate) fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// A request with `message` in it for `node` and all others of its manager. It is encoded here and not again.
    pub(crate) fn seal(&self, message: &impl Message, node: &Node) -> EncodedRequest {
        let options = Arc::clone(node.message_options());
        let mut envelope = self.clone();
        if !options.metadata.is_empty() {
            let mut headers = options.metadata.clone();
            headers.extend(envelope.metadata.into_headers());
            envelope.metadata = MetadataMap::from_headers(headers);
        }
        EncodedRequest {
            frame: frame(message, &options),
            head: Head { envelope, options },
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
    head: Head,
    frame: Result<Bytes, Status>,
}

impl EncodedRequest {
    /// Sends the request to one node and waits for its reply. Dropping the future withdraws the request: the
    /// server sees the cancellation.
    pub(crate) async fn send<R>(self, link: Link) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        let deadline = self.head.deadline();
        let (mut client, request, path) = self.open(link.channel(), None).await?;
        client
            .unary(request, path, ReplyCodec::<R>::default())
            .await
            .map(tonic::Response::into_inner)
            .map_err(|status| link.normalise(status, deadline))
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
            let (mut client, request, path) = self.open(channel, None).await?;
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
        let deadline = self.head.deadline();
        let outcome = async {
            let (mut client, request, path) = self.open(link.channel(), Some(receipt)).await?;
            let reply = ReplyCodec::<()>::default();
            client.unary(request, path, reply).await
        };
        outcome
            .await
            .map(drop)
            .map_err(|status| link.normalise(status, deadline))
    }

    /// Sends the request as a message on the node's stream of its method.
    pub(crate) fn send_message(self, node: &Node) -> Result<SentMessage, Status> {
        Ok(MessageStreams::send(node, self.head, self.frame?))
    }

    /// A client that sends this request once the channel is ready for it, with what it takes besides.
    async fn open(
        self,
        channel: Channel,
        receipt: Option<Receipt>,
    ) -> Result<(Grpc<Framed>, Request<()>, PathAndQuery), Status> {
        let body = Body::new(FrameBody::new(self.frame?, receipt));
        self.head.open(channel, body, ()).await
    }
}

/// What a request has besides its body.
#[derive(Clone, Debug)]
pub(super) struct Head {
    envelope: Envelope,
    options: Arc<MessageOptions>,
}

impl Head {
    pub(super) fn path(&self) -> &str {
        self.envelope.path.as_str()
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.envelope.deadline
    }

    /// A client that sends `body` once the channel is ready for it, with what it takes besides: a request that says
    /// `unsent` where tonic would make the body of it, and the path.
    pub(super) async fn open<T>(
        self,
        channel: Channel,
        body: Body,
        unsent: T,
    ) -> Result<(Grpc<Framed>, Request<T>, PathAndQuery), Status> {
        let Envelope { path, metadata, .. } = self.envelope;
        let mut client = Grpc::new(Framed::new(channel, body))
            .max_decoding_message_size(self.options.max_reply_size);
        if let Some(encoding) = self.options.send_compressed {
            // This only announces the encoding: the frame is compressed already.
            client = client.send_compressed(encoding);
        }
        for encoding in &self.options.accept_compressed {
            client = client.accept_compressed(*encoding);
        }
        client
            .ready()
            .await
            .map_err(|error| status::unavailable(error.into()))?;
        let request = Request::from_parts(metadata, Default::default(), unsent);
        Ok((client, request, path))
    }
}
