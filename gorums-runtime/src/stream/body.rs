//! The request that a stream is.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;
use tonic::codec::Codec;
use tonic::transport::Channel;

use super::message::{MessageDecoder, StreamMessage};
use super::queue::Queue;
use crate::grpc::NoEncoder;

/// The messages of a queue, from when they are there.
#[derive(Debug)]
pub(crate) struct QueueBody {
    queue: Arc<Queue>,
    stream: u64,
}

impl QueueBody {
    /// The messages of `queue` for `stream`.
    pub(crate) fn new(queue: Arc<Queue>, stream: u64) -> Self {
        Self { queue, stream }
    }
}

impl http_body::Body for QueueBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let burst = self.queue.poll_burst(self.stream, cx);
        burst.map(|burst| burst.map(|burst| Ok(Frame::data(burst))))
    }
}

/// A channel whose next request has a queue as its body.
#[derive(Debug)]
pub(super) struct OnQueue {
    channel: Channel,
    body: Option<QueueBody>,
}

impl OnQueue {
    pub(super) fn new(channel: Channel, body: QueueBody) -> Self {
        Self {
            channel,
            body: Some(body),
        }
    }
}

impl tower::Service<http::Request<Body>> for OnQueue {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as tower::Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.channel, cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let request = match self.body.take() {
            Some(body) => request.map(|_| Body::new(body)),
            None => request,
        };
        tower::Service::call(&mut self.channel, request)
    }
}

/// The codec of a stream, whose body is a queue: it only takes messages apart.
#[derive(Debug)]
pub(super) struct StreamCodec;

impl Codec for StreamCodec {
    type Encode = ();
    type Decode = Result<StreamMessage, prost::DecodeError>;
    type Encoder = NoEncoder;
    type Decoder = MessageDecoder;

    fn encoder(&mut self) -> NoEncoder {
        NoEncoder
    }

    fn decoder(&mut self) -> MessageDecoder {
        MessageDecoder
    }
}
