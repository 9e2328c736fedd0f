//! A client that sends arbitrary messages, and leaves replies undecoded.

use std::time::Duration;

use futures::{Stream, StreamExt};
use gorums_runtime::testing::Replicas;
use gorums_runtime::{Node, NodeId};
use prost::bytes::Bytes;
use tests::soon;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::{Request, Status, Streaming};

use crate::wire::bytes::{BytesCodec, hex};

/// The headers of a client that knows the extensions.
pub(crate) const EXTENDED: [(&str, &str); 1] = [("gorums-ext", "1")];

/// A node stream to a replica.
#[derive(Debug)]
pub(crate) struct RawClient {
    /// The headers that the replica answered with.
    pub(crate) headers: MetadataMap,
    requests: Option<mpsc::UnboundedSender<Bytes>>,
    replies: Streaming<Bytes>,
}

impl RawClient {
    /// A stream to the first of the replicas with these headers.
    pub(crate) async fn open(
        replicas: &Replicas,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Status> {
        let node = replicas.manager().node(NodeId::new(1));
        Self::open_to(&node.expect("a replica"), headers).await
    }

    /// A stream to a node with these headers.
    pub(crate) async fn open_to(
        node: &Node,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Status> {
        let (requests, sent) = mpsc::unbounded_channel();
        let sent = UnboundedReceiverStream::new(sent);
        let opened = Self::open_with(node, headers, sent).await?;
        Ok(Self {
            requests: Some(requests),
            ..opened
        })
    }

    /// The same with these requests.
    pub(crate) async fn open_with(
        node: &Node,
        headers: &[(&'static str, &str)],
        requests: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Self, Status> {
        let mut grpc = Grpc::new(node.channel());
        grpc.ready().await.expect("a connection");
        let mut request = Request::new(requests);
        for (key, value) in headers {
            let value = value.parse().expect("ASCII");
            let key = MetadataKey::from_static(key);
            request.metadata_mut().insert(key, value);
        }
        let path = PathAndQuery::from_static("/stream.Gorums/NodeStream");
        let (headers, replies, _) = grpc
            .streaming(request, path, BytesCodec)
            .await?
            .into_parts();
        Ok(Self {
            headers,
            requests: None,
            replies,
        })
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: impl Into<Bytes>) {
        let requests = self.requests.as_ref().expect("the stream is open");
        requests.send(message.into()).expect("the stream is open");
    }

    /// Sends the message that is in hex in `text`.
    pub(crate) fn send_hex(&self, text: &str) {
        self.send(hex(text));
    }

    /// Ends the requests.
    pub(crate) fn half_close(&mut self) {
        self.requests = None;
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self) -> Bytes {
        let reply = soon("a reply", self.replies.next()).await;
        reply
            .expect("the stream goes on")
            .expect("the stream goes on")
    }

    /// Whether no reply comes for `time`, and the stream does not end.
    pub(crate) async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.replies.next())
            .await
            .is_err()
    }

    /// How the stream ends, without a further reply.
    pub(crate) async fn end(mut self) -> Result<(), Status> {
        match soon("the end of the stream", self.replies.next()).await {
            Some(Ok(reply)) => panic!("one more reply: {reply:?}"),
            Some(Err(status)) => Err(status),
            None => Ok(()),
        }
    }
}
