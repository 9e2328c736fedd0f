//! Nodes that leave requests undecoded, and send arbitrary replies.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use gorums_runtime::server::Router;
use prost::bytes::Bytes;
use tests::network::Network;
use tests::soon;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use crate::wire::bytes::BytesCodec;
use crate::wire::message::Message;

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Like one in Go: it announces nothing, and sends the headers with its first message.
    Go,
    /// One that announces the extensions at once.
    Extended,
    /// One that also agrees to keep its stream alive every 5 seconds.
    KeepsAlive,
}

/// A node that a test controls.
#[derive(Debug)]
pub(crate) struct RawNode(mpsc::UnboundedReceiver<RawStream>);

/// A node stream that a client has opened.
#[derive(Debug)]
pub(crate) struct RawStream {
    /// The headers that the client sent.
    pub(crate) headers: MetadataMap,
    requests: Streaming<Bytes>,
    replies: mpsc::UnboundedSender<Result<Bytes, Status>>,
    /// None once the response has begun.
    begin: Option<oneshot::Sender<()>>,
}

impl RawNode {
    /// Starts node `number`, or restarts it.
    pub(crate) fn serve(network: &Network, number: u8, kind: Kind) -> Self {
        let (opened, streams) = mpsc::unbounded_channel();
        let service = RawService { kind, opened };
        network.serve(number, Router::new().add_service(service));
        Self(streams)
    }

    /// The next stream that is opened.
    pub(crate) async fn stream(&mut self) -> RawStream {
        soon("a stream to the node", self.0.recv())
            .await
            .expect("the node serves")
    }
}

impl RawStream {
    /// The next message.
    pub(crate) async fn request(&mut self) -> Bytes {
        let request = soon("a message from the client", self.requests.next()).await;
        request
            .expect("the stream goes on")
            .expect("the stream goes on")
    }

    /// The next message, if it has arrived.
    pub(crate) fn request_now(&mut self) -> Option<Bytes> {
        let request = self.requests.next().now_or_never()?;
        Some(
            request
                .expect("the stream goes on")
                .expect("the stream goes on"),
        )
    }

    /// Whether the client ends its side without a further message.
    pub(crate) async fn is_half_closed(&mut self) -> bool {
        soon("the end of the client's messages", self.requests.next())
            .await
            .is_none()
    }

    /// Sends a message.
    pub(crate) fn reply(&mut self, message: &Message) {
        self.reply_bytes(message.bytes());
    }

    /// Sends these bytes as a message.
    pub(crate) fn reply_bytes(&mut self, message: Bytes) {
        self.push(Ok(message));
    }

    /// Ends the stream.
    pub(crate) fn fail(&mut self, status: Status) {
        self.push(Err(status));
    }

    fn push(&mut self, item: Result<Bytes, Status>) {
        self.replies.send(item).expect("the stream is open");
        if let Some(begin) = self.begin.take() {
            begin.send(()).expect("the stream is open");
        }
    }
}

#[derive(Clone)]
struct RawService {
    kind: Kind,
    opened: mpsc::UnboundedSender<RawStream>,
}

impl NamedService for RawService {
    const NAME: &'static str = "stream.Gorums";
}

impl Service<http::Request<Body>> for RawService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), "/stream.Gorums/NodeStream");
        let opening = Opening(self.clone());
        async move { Ok(Grpc::new(BytesCodec).streaming(opening, request).await) }.boxed()
    }
}

/// A stream that is being opened.
struct Opening(RawService);

impl StreamingService<Bytes> for Opening {
    type Response = Bytes;
    type ResponseStream = UnboundedReceiverStream<Result<Bytes, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let RawService { kind, opened } = self.0.clone();
        async move {
            let (headers, _, requests) = request.into_parts();
            let (replies, sent) = mpsc::unbounded_channel();
            let (begin, begun) = oneshot::channel();
            let mut response = Response::new(UnboundedReceiverStream::new(sent));
            let extended = kind != Kind::Go;
            let stream = RawStream {
                headers,
                requests,
                replies,
                begin: (!extended).then_some(begin),
            };
            opened
                .send(stream)
                .map_err(|_| Status::unavailable("the test has ended"))?;
            if extended {
                let one = MetadataValue::from_static("1");
                response.metadata_mut().insert("gorums-ext", one);
                if kind == Kind::KeepsAlive {
                    let interval = MetadataValue::from_static("5000m");
                    response
                        .metadata_mut()
                        .insert("gorums-keep-alive", interval);
                }
            } else {
                let ended = |_| Status::unavailable("the test has ended");
                begun.await.map_err(ended)?;
            }
            Ok(response)
        }
        .boxed()
    }
}
