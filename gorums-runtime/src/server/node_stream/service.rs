//! The gRPC service whose calls are the node streams.

use std::convert::Infallible;
use std::fmt;
use std::future::Ready;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Request, Status};

use super::keep_alive::KeepAlive;
use super::methods::Methods;
use super::named_clients::NamedClients;
use super::opening::Opening;
use super::reply_body::{End, Outlet, ReplyBody};
#[cfg(feature = "metrics")]
use super::sample::{PeersSource, StreamsSource};
use super::session::Session;
use crate::call::{MessageSize, MethodDescriptor, Side};
use crate::clients::Clients;
use crate::identity::NodeId;
#[cfg(feature = "metrics")]
use crate::metrics::Metrics;
use crate::metrics::ServerMeter;
use crate::node_stream::{Carrier, ReverseServer};
use crate::server::handler::{
    Answering, Caller, Claim, Interceptors, Member, Members, Pacing, Peer, Peers,
    ServerInterceptor, StreamLimits, address,
};
use crate::wire::{
    Capacity, CarryingBody, EXTENSIONS, KEEP_ALIVE, Messages, PATH, Queue, QueueBody, ReverseBody,
    SERVICE,
};

/// Serves the methods of replicas on node streams.
#[derive(Clone, Default)]
pub(crate) struct NodeStreams {
    methods: Arc<Methods>,
    limits: StreamLimits,
    max_message_size: MessageSize,
    peers: Peers,
    named: NamedClients,
    members: Members,
    interceptors: Option<Interceptors>,
    meter: ServerMeter,
    /// What metrics read of the peers and the streams, for as long as these live.
    #[cfg(feature = "metrics")]
    peers_source: Option<Arc<PeersSource>>,
    #[cfg(feature = "metrics")]
    streams_source: Option<Arc<StreamsSource>>,
    /// The clients that accept calls, if the server calls any.
    clients: Option<Clients>,
    stop: CancellationToken,
    /// Tracks the streams until their last reply has been sent.
    open: TaskTracker,
}

impl NodeStreams {
    /// Adds a method.
    pub(crate) fn add(
        &mut self,
        method: &'static MethodDescriptor,
        answering: Arc<Answering>,
        timeout: Option<Duration>,
    ) {
        Arc::make_mut(&mut self.methods).insert(method, answering, timeout);
    }

    /// Whether there are no methods.
    pub(crate) fn is_empty(&self) -> bool {
        self.methods.is_empty()
    }

    pub(crate) fn limit(&mut self, limits: StreamLimits) {
        self.limits = limits;
    }

    /// Limits the size of requests and replies.
    pub(crate) fn limit_messages(&mut self, bytes: usize) {
        self.max_message_size = MessageSize::new(bytes, Side::Server);
    }

    /// Returns a copy for one server, with clients of its own: a client may have a stream to each of several servers of
    /// the same replicas.
    pub(crate) fn of_one_server(self) -> Self {
        let mut server = Self {
            named: NamedClients::default(),
            open: TaskTracker::new(),
            ..self
        };
        Arc::make_mut(&mut server.methods).measure(&server.meter);
        #[cfg(feature = "metrics")]
        {
            let streams = Arc::new(StreamsSource(server.open.clone()));
            server.meter.watch(&streams);
            server.streams_source = Some(streams);
        }
        server
    }

    /// Makes the server one of a system, whose members it knows.
    pub(crate) fn join(&mut self, members: Members) {
        self.members = members;
    }

    /// Adds an interceptor inside of the others.
    pub(crate) fn intercept(&mut self, interceptor: impl ServerInterceptor) {
        Interceptors::push(&mut self.interceptors, interceptor);
    }

    /// Measures the calls, the streams and the peers.
    #[cfg(feature = "metrics")]
    pub(crate) fn measure(&mut self, metrics: &Metrics) {
        self.meter = ServerMeter::new(metrics);
        let peers = Arc::new(PeersSource(self.peers.clone()));
        self.meter.watch(&peers);
        self.peers_source = Some(peers);
    }

    /// Calls the clients that accept calls.
    pub(crate) fn call(&mut self, clients: Clients) {
        self.clients = Some(clients);
    }

    /// Cancelling this token ends the streams. They finish the requests that have begun and take no others.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The limits that plain gRPC calls share with the streams.
    pub(crate) fn pacing(&self) -> Pacing {
        Pacing {
            peers: self.peers.clone(),
            limits: self.limits,
            max_message_size: self.max_message_size,
            members: self.members.clone(),
            interceptors: self.interceptors.clone(),
            meter: self.meter.clone(),
        }
    }

    /// Opens a stream.
    fn open(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let (mut head, body) = request.into_parts();
        let identity = self.members.identify(&head.headers, &mut head.extensions)?;
        let mut headers = MetadataMap::from_headers(head.headers);
        let opening = Opening::take(&mut headers)?;
        // Before `admit` counts the peer's streams: this ends the client's older stream, which then leaves room.
        let gone = CancellationToken::new();
        let membership = opening.name.map(|name| self.named.enter(name, &gone));
        let membership = membership.transpose()?;
        let process = opening.name.map(|name| name.client.0);
        let claim = self.members.claim(identity, process, &gone);
        let keep_alive = opening.keep_alive.map(KeepAlive::new).transpose()?;
        let address = address(&head.extensions);
        let host = address.map(|address| address.ip());
        let visit = self.peers.admit(host, process, &self.limits)?;
        let clients = self.clients.as_ref().filter(|_| opening.accepts_calls);
        let client = clients.and_then(|clients| {
            let (requests, reverse) = ReverseBody::new();
            let carrier = Carrier::new(requests, opening.extended, gone.clone());
            Some((clients.admit(address, carrier)?, reverse))
        });
        let (client, reverse) = client.unzip();
        if let Some(client) = &client {
            head.extensions.insert(Caller(client.node().clone()));
        }
        let (peer, ()) = Peer::of(Request::from_parts(headers, head.extensions, ()));
        let requests = Messages::new(body, self.max_message_size.most_on_stream());
        let capacity = Capacity {
            messages: self.limits.replies,
            bytes: self.limits.reply_bytes,
        };
        let queue = Arc::new(Queue::of_replies(capacity, Arc::clone(visit.unread())));
        let outlet = Arc::new(Outlet::new(Arc::clone(visit.unread())));
        let replies = QueueBody::new(Arc::clone(&queue), queue.stream());
        let replies = CarryingBody::new(replies, reverse);
        let end = End::default();
        let session = Session {
            methods: Arc::clone(&self.methods),
            limits: self.limits,
            peer_backlog: visit.backlog().clone(),
            max_message_size: self.max_message_size,
            interceptors: self.interceptors.clone(),
            meter: self.meter.clone(),
            peer: Arc::new(peer),
            extended: opening.extended,
            accepts_calls: opening.accepts_calls || claim.as_ref().is_some_and(Claim::is_member),
            membership,
            claim,
            client,
            queue: Arc::clone(&queue),
            end: end.clone(),
            gone: gone.clone(),
            stop: self.stop.clone(),
        };
        tokio::spawn(session.run(requests));
        let supervision = Supervision {
            outlet: Arc::clone(&outlet),
            queue,
            end: end.clone(),
            gone: gone.clone(),
        };
        tokio::spawn(supervision.run(self.limits.stall_timeout));
        let promise = keep_alive.as_ref().map(KeepAlive::header);
        let body = ReplyBody::new(
            replies,
            keep_alive,
            outlet,
            end,
            gone,
            (visit, self.open.token()),
        );
        let mut response = http::Response::new(Body::new(body));
        let headers = response.headers_mut();
        let grpc = HeaderValue::from_static("application/grpc");
        headers.insert(http::header::CONTENT_TYPE, grpc);
        self.members.introduce(headers);
        if opening.extended {
            headers.insert(EXTENSIONS, HeaderValue::from_static("1"));
        }
        if let Some(promise) = promise {
            headers.insert(KEEP_ALIVE, promise);
        }
        Ok(response)
    }
}

/// Ends a stream whose client does not read its replies, even if the client has ended its requests.
struct Supervision {
    outlet: Arc<Outlet>,
    queue: Arc<Queue>,
    end: End,
    gone: CancellationToken,
}

impl Supervision {
    async fn run(self, timeout: Duration) {
        tokio::select! {
            () = self.gone.cancelled() => return,
            () = self.outlet.progress.stalled(timeout) => {}
        }
        let status = Status::resource_exhausted(format!(
            "the client has not read its replies for {timeout:?}"
        ));
        self.end.set(status.clone());
        let _ = self.queue.fail(&status);
        self.outlet.clear();
        self.gone.cancel();
    }
}

impl ReverseServer for NodeStreams {
    fn open(&self, node: NodeId, is_extended: bool, requests: Body) -> Result<Body, Status> {
        let mut request = http::Request::new(requests);
        request.extensions_mut().insert(Member(node));
        if is_extended {
            let extended = HeaderValue::from_static("1");
            request.headers_mut().insert(EXTENSIONS, extended);
        }
        Ok(Self::open(self, request)?.into_body())
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
        let open = self.open.clone();
        open.close();
        async move { open.wait().await }.boxed()
    }
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
