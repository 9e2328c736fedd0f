//! The service that node streams are calls of.

use std::convert::Infallible;
use std::fmt;
use std::future::Ready;
use std::sync::Arc;
use std::task::Poll;

use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Request, Status};

use super::answering::Answering;
use super::limits::StreamLimits;
use super::methods::Methods;
use super::peers::Peers;
use super::reply_body::{End, ReplyBody};
use super::session::Session;
use crate::MethodDescriptor;
use crate::server::peer::Peer;
use crate::stream::{Capacity, EXTENSIONS, Messages, PATH, Queue, QueueBody, SERVICE};

/// The header by which a client says which node it is.
const NODE_ID: &str = "gorums-node-id";

/// What a client says there that has no id of its own, and accepts calls.
const DYNAMIC: u32 = 0;

/// Serves the methods of replicas on node streams.
#[derive(Clone, Default)]
pub(in crate::server) struct NodeStreams {
    methods: Arc<Methods>,
    limits: StreamLimits,
    peers: Peers,
    stop: CancellationToken,
}

impl NodeStreams {
    /// Adds a method.
    pub(in crate::server) fn add(
        &mut self,
        method: &'static MethodDescriptor,
        answering: Arc<Answering>,
    ) {
        Arc::make_mut(&mut self.methods).insert(method, answering);
    }

    /// Whether there is no method.
    pub(in crate::server) fn is_empty(&self) -> bool {
        self.methods.is_empty()
    }

    pub(in crate::server) fn limit(&mut self, limits: StreamLimits) {
        self.limits = limits;
    }

    /// What ends the streams: the requests that have begun are finished, and no others are taken.
    pub(in crate::server) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Opens a stream.
    fn open(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let headers = MetadataMap::from_headers(head.headers);
        let accepts_calls = node_id(&headers)? == Some(DYNAMIC);
        let extended = headers.contains_key(EXTENSIONS);
        let (peer, ()) = Peer::of(Request::from_parts(headers, head.extensions, ()));
        let most = self.limits.streams_per_peer;
        let admission = self
            .peers
            .admit(peer.address.map(|address| address.ip()), most);
        let admission = admission.ok_or_else(|| {
            Status::resource_exhausted(format!(
                "this peer has {most} streams open; close one first"
            ))
        })?;
        let requests = Messages::new(body, self.limits.message_size);
        let capacity = Capacity {
            messages: self.limits.replies,
            bytes: self.limits.reply_bytes,
        };
        let queue = Arc::new(Queue::new(capacity));
        let replies = QueueBody::new(Arc::clone(&queue), queue.stream());
        let (end, gone) = (End::default(), CancellationToken::new());
        let session = Session {
            methods: Arc::clone(&self.methods),
            limits: self.limits,
            peer: Arc::new(peer),
            extended,
            accepts_calls,
            queue,
            end: end.clone(),
            gone: gone.clone(),
            stop: self.stop.clone(),
        };
        tokio::spawn(async move {
            session.run(requests).await;
            drop(admission);
        });
        let mut response = http::Response::new(Body::new(ReplyBody::new(replies, end, gone)));
        let headers = response.headers_mut();
        let grpc = HeaderValue::from_static("application/grpc");
        headers.insert(http::header::CONTENT_TYPE, grpc);
        if extended {
            headers.insert(EXTENSIONS, HeaderValue::from_static("1"));
        }
        Ok(response)
    }
}

/// Which node the client says it is.
fn node_id(headers: &MetadataMap) -> Result<Option<u32>, Status> {
    let Some(id) = headers.get(NODE_ID) else {
        return Ok(None);
    };
    let number = id.to_str().ok().and_then(|id| id.parse::<u32>().ok());
    number.map(Some).ok_or_else(|| {
        Status::invalid_argument(format!(
            "the header {NODE_ID} is {id:?}; give a number of 32 bits, or leave it out"
        ))
    })
}

impl NamedService for NodeStreams {
    const NAME: &'static str = SERVICE;
}

impl tower::Service<http::Request<Body>> for NodeStreams {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let opened = match request.uri().path() {
            PATH => self.open(request),
            path => Err(Status::unimplemented(format!(
                "there is no method {path} here"
            ))),
        };
        std::future::ready(Ok(opened.unwrap_or_else(Status::into_http)))
    }
}

impl fmt::Debug for NodeStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeStreams")
            .field("methods", &self.methods.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
