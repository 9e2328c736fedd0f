//! A service that answers each call with the same arbitrary response.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use gorums_runtime::server::{Router, ServiceName};
use http_body::Frame;
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tonic::server::NamedService;

/// A gRPC response, which may be malformed.
#[derive(Clone, Debug, Default)]
pub struct RawResponse {
    headers: HeaderMap,
    messages: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

impl RawResponse {
    /// A response without extra headers, messages or trailers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this header.
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The same with one more message, after the others.
    pub fn message(mut self, message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).expect("a short message");
        let frame = [&[0], &length.to_be_bytes()[..], message].concat();
        self.messages.push(frame.into());
        self
    }

    /// The same with this trailer.
    pub fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let name = HeaderName::from_static(name);
        let trailers = self.trailers.get_or_insert_default();
        trailers.insert(name, HeaderValue::from_static(value));
        self
    }

    fn response(&self) -> Response<Body> {
        let mut frames: VecDeque<_> = self.messages.iter().cloned().map(Frame::data).collect();
        frames.extend(self.trailers.clone().map(Frame::trailers));
        let mut response = Response::new(Body::new(Frames(frames)));
        *response.headers_mut() = self.headers.clone();
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        response
    }
}

struct Frames(VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// The service `S`, all of whose methods give one response.
#[derive(Debug)]
pub struct RawService<S> {
    response: RawResponse,
    service: PhantomData<fn() -> S>,
}

impl<S: ServiceName + 'static> RawService<S> {
    /// The service that answers with `response`.
    pub fn router(response: RawResponse) -> Router {
        Router::new().add_service(Self {
            response,
            service: PhantomData,
        })
    }
}

impl<S> Clone for RawService<S> {
    fn clone(&self) -> Self {
        Self {
            response: self.response.clone(),
            service: PhantomData,
        }
    }
}

impl<S: ServiceName> NamedService for RawService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for RawService<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(self.response.response()))
    }
}
