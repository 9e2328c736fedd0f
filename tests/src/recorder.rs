//! A plain gRPC replica of the register that records its requests.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::codegen::ProstCodec;
use gorums_runtime::server::Router;
use http_body::Frame;
use prost::bytes::Buf;
use tonic::body::Body;
use tonic::codec::{CompressionEncoding, EnabledCompressionEncodings};
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

use crate::register::{State, WriteResponse};

/// A recorded request.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its target.
    pub uri: http::Uri,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// The state that it carried.
    pub state: State,
    /// The bytes of its body.
    pub bytes: usize,
}

impl Recorded {
    /// The header of this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("text"))
    }
}

/// A replica whose `Write` records its requests, and whose other methods return the last state written.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    recorded: Arc<Mutex<Vec<Recorded>>>,
    encodings: EnabledCompressionEncodings,
}

impl Recorder {
    /// The same, with this compression of requests and replies.
    pub fn compressing(mut self, encoding: CompressionEncoding) -> Self {
        self.encodings.enable(encoding);
        self
    }

    /// A router with this service.
    pub fn router(&self) -> Router {
        Router::new().add_service(self.clone())
    }

    /// The recorded requests, in order of arrival.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.recorded.lock().expect("not poisoned").clone()
    }

    /// The last request.
    pub fn last(&self) -> Recorded {
        self.recorded().pop().expect("a request came")
    }
}

impl NamedService for Recorder {
    const NAME: &'static str = "register.Register";
}

impl Service<http::Request<Body>> for Recorder {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let recorder = self.clone();
        async move {
            let bytes = Arc::new(AtomicUsize::new(0));
            let (parts, body) = request.into_parts();
            let recording = Recording {
                recorder: recorder.clone(),
                uri: parts.uri.clone(),
                headers: parts.headers.clone(),
                bytes: Arc::clone(&bytes),
            };
            let request = http::Request::from_parts(parts, Counted { body, bytes });
            let encodings = recorder.encodings;
            let is_write = request.uri().path().ends_with("/Write");
            Ok(if is_write {
                let mut grpc = Grpc::new(ProstCodec::<WriteResponse, State>::default())
                    .apply_compression_config(encodings, encodings);
                grpc.unary(recording, request).await
            } else {
                let mut grpc = Grpc::new(ProstCodec::<State, ()>::default())
                    .apply_compression_config(encodings, encodings);
                grpc.unary(recording, request).await
            })
        }
        .boxed()
    }
}

/// A request that is being recorded.
struct Recording {
    recorder: Recorder,
    uri: http::Uri,
    headers: http::HeaderMap,
    bytes: Arc<AtomicUsize>,
}

impl UnaryService<State> for Recording {
    type Response = WriteResponse;
    type Future = Ready<Result<Response<WriteResponse>, Status>>;

    fn call(&mut self, request: Request<State>) -> Self::Future {
        let recorded = Recorded {
            uri: self.uri.clone(),
            headers: self.headers.clone(),
            state: request.into_inner(),
            bytes: self.bytes.load(Ordering::SeqCst),
        };
        let mut all = self.recorder.recorded.lock().expect("not poisoned");
        all.push(recorded);
        ready(Ok(Response::new(WriteResponse { new: true })))
    }
}

impl UnaryService<()> for Recording {
    type Response = State;
    type Future = Ready<Result<Response<State>, Status>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(self.recorder.last().state)))
    }
}

/// A body whose bytes are counted.
struct Counted {
    body: Body,
    bytes: Arc<AtomicUsize>,
}

impl http_body::Body for Counted {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let len = frame.data_ref().map_or(0, Buf::remaining);
            self.bytes.fetch_add(len, Ordering::SeqCst);
        }
        frame
    }
}
