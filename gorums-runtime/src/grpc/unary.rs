//! Reads the reply of a call that has one.
//!
//! tonic reads every response as a stream of messages, through a buffer of 8 KiB, boxes and a state machine. Most
//! replies are one frame, which this code decodes in place.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use prost::Message;
use tokio::task::coop::cooperative;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};

use super::codec::{PREFIX, ReplyCodec};
use super::request_head::{ENCODING, RequestHead};
use crate::call::{MessageSize, decode};
use crate::connection::checked;
use crate::status;

/// The header that says how a call ended. It precedes the body only if there is no reply.
const STATUS: &str = "grpc-status";

/// Reads the reply from the `response` to a request with `head`.
pub(super) async fn reply<R, B>(
    response: http::Response<B>,
    head: &RequestHead,
) -> Result<R, Status>
where
    R: Message + Default + 'static,
    B: http_body::Body<Data = Bytes, Error = Status> + Send + 'static,
{
    let headers = response.headers();
    if let Some(status) = status::failure(headers) {
        return Err(status);
    }
    let is_plain = response.status() == StatusCode::OK
        && !headers.contains_key(STATUS)
        && !headers.contains_key(ENCODING);
    if !is_plain {
        let response = checked(response.map(Body::new), head.deadline(), ());
        return read_by_tonic(response, head).await;
    }
    let (parts, body) = response.into_parts();
    let mut body = pin!(body);
    let mut received = Received::default();
    // A node may send empty frames without end. `cooperative` yields to other tasks, so that deadlines still hold.
    while let Some(frame) = cooperative(poll_fn(|cx| body.as_mut().poll_frame(cx))).await {
        let trailers = match frame?.into_data() {
            Ok(data) => {
                received.push(data, head.max_message_size())?;
                continue;
            }
            Err(frame) => frame.into_trailers().unwrap_or_default(),
        };
        match status::of_headers(&trailers) {
            Some(status) if status.code() == Code::Ok => return decode(received.message()?),
            Some(mut status) => {
                let mut metadata = std::mem::take(status.metadata_mut()).into_headers();
                metadata.extend(parts.headers);
                *status.metadata_mut() = MetadataMap::from_headers(metadata);
                return Err(status);
            }
            None => break,
        }
    }
    Err(Status::unknown(
        "the response ended without a status, as if it had been cut off on the way",
    ))
}

/// The part of a message that has arrived, including the prefix that says its length.
#[derive(Default)]
struct Received {
    first: Bytes,
    /// All of it, if there is more than the first frame.
    joined: BytesMut,
}

impl Received {
    fn push(&mut self, data: Bytes, limit: MessageSize) -> Result<(), Status> {
        if self.bytes().is_empty() {
            self.first = data;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve(PREFIX + self.len().unwrap_or(0));
                self.joined.extend_from_slice(&self.first);
            }
            self.joined.extend_from_slice(&data);
        }
        match self.len() {
            Some(len) if len > limit.most() => Err(limit.exceeded("reply", len)),
            Some(len) if self.bytes().len() - PREFIX > len => Err(Status::internal(
                "the response contains more than one reply",
            )),
            _ => Ok(()),
        }
    }

    fn bytes(&self) -> &[u8] {
        if self.joined.is_empty() {
            &self.first
        } else {
            &self.joined
        }
    }

    /// The length of the message, once its prefix has arrived.
    fn len(&self) -> Option<usize> {
        let [_, length @ ..] = *self.bytes().first_chunk::<PREFIX>()?;
        Some(u32::from_be_bytes(length) as usize)
    }

    /// Returns the message, once the body has ended.
    fn message(self) -> Result<Bytes, Status> {
        let len = self.len();
        let mut bytes = match self.joined.is_empty() {
            true => self.first,
            false => self.joined.freeze(),
        };
        match (bytes.first(), len) {
            (Some(0), Some(len)) if bytes.len() == PREFIX + len => Ok(bytes.split_off(PREFIX)),
            (Some(1..), _) => Err(Status::internal(
                "the reply is compressed, but the response does not name the encoding",
            )),
            _ => Err(Status::internal(
                "the response ended before its reply was complete",
            )),
        }
    }
}

/// Lets tonic read the response: it is compressed, a status without a reply, or not gRPC.
async fn read_by_tonic<R>(response: http::Response<Body>, head: &RequestHead) -> Result<R, Status>
where
    R: Message + Default + 'static,
{
    let mut client = head.client(Answered(Some(response)));
    client
        .unary(
            Request::new(()),
            head.path().clone(),
            ReplyCodec::<R>::default(),
        )
        .await
        .map(tonic::Response::into_inner)
        .map_err(|status| head.max_message_size().name(status, "reply"))
}

/// A service that already has its response.
struct Answered(Option<http::Response<Body>>);

impl tower::Service<http::Request<Body>> for Answered {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        ready(Ok(self.0.take().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;

    use http::HeaderValue;
    use http_body::Frame;

    use super::*;
    use crate::call::{Deadline, Envelope, MessageOptions, Method, Side};

    /// Returns the message in `frames`, of at most four bytes.
    fn received(frames: &[&'static [u8]]) -> Result<Bytes, Code> {
        let mut received = Received::default();
        for frame in frames {
            let pushed =
                received.push(Bytes::from_static(frame), MessageSize::new(4, Side::Client));
            pushed.map_err(|status| status.code())?;
        }
        received.message().map_err(|status| status.code())
    }

    #[test]
    fn a_message_is_put_together_of_any_frames() {
        let message = Ok(Bytes::from_static(b"abc"));
        assert_eq!(received(&[b"\0\0\0\0\x03abc"]), message);
        assert_eq!(received(&[b"\0\0\0", b"\0\x03a", b"", b"bc"]), message);
        assert_eq!(received(&[b"", b"\0\0\0\0\0"]), Ok(Bytes::new()));
    }

    /// A body of empty frames without end.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }

    struct Call;

    impl Method for Call {
        type Request = ();
        type Reply = ();
        const PATH: &str = "/a.B/C";
    }

    #[tokio::test]
    async fn a_response_of_empty_frames_without_end_leaves_other_tasks_their_turn() {
        let options = Arc::new(MessageOptions::new(1024));
        let head = RequestHead::new(&Envelope::new::<Call>(None, Deadline::none()), options);
        for encoding in [None, Some("identity")] {
            let mut response = http::Response::new(Endless);
            if let Some(encoding) = encoding {
                let encoding = HeaderValue::from_static(encoding);
                response.headers_mut().insert(ENCODING, encoding);
            }
            let short = std::time::Duration::from_millis(20);
            let reply = tokio::time::timeout(short, reply::<(), _>(response, &head));
            assert!(reply.await.is_err());
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert_eq!(received(&[]), Err(Code::Internal));
        assert_eq!(received(&[b"\0\0\0\0"]), Err(Code::Internal));
        assert_eq!(received(&[b"\0\0\0\0\x03", b"ab"]), Err(Code::Internal));
        assert_eq!(received(&[b"\0\0\0\0\x01", b"ab"]), Err(Code::Internal));
        assert_eq!(received(&[b"\x01\0\0\0\x01a"]), Err(Code::Internal));
        assert_eq!(received(&[b"\0\0\0\0\x05"]), Err(Code::OutOfRange));
    }
}
