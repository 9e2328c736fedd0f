//! Turns a replica into a gRPC service.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::BoxFuture;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};

use crate::call::{MessageSize, MethodDescriptor};
use crate::metrics::HandlerMeter;
use crate::server::handler::{
    Answer, Answering, Context, Handlers, Pacing, ServiceOptions, UNKNOWN, address,
    panicked_at_once,
};
use crate::status;
use crate::support::guarded;

/// A service, as a type. Generated code implements it.
pub trait ServiceName: 'static {
    /// The service's full name, such as `register.Register`.
    const NAME: &'static str;
}

/// How a replica `T` handles a service. Generated code implements it for every `T` that implements the service's
/// replica trait.
pub trait Serve<T>: ServiceName {
    /// Adds the functions of the replica trait to `handlers`.
    fn add_handlers(handlers: &mut Handlers<T>);
}

/// A replica as a gRPC service. A [`Router`](crate::server::Router) serves it over both transports; a tonic server of
/// your own serves it over plain gRPC only.
///
/// Generated code defines an alias of it for each service, such as `RegisterReplicaServer`.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), Box<dyn std::error::Error>> {
/// use register::register_gorums::RegisterReplicaServer;
///
/// tonic::transport::Server::builder()
///     .add_service(RegisterReplicaServer::new(replica))
///     .serve("127.0.0.1:4000".parse()?)
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct ReplicaServer<S> {
    answers: Arc<HashMap<&'static str, Arc<Answer>>>,
    on_stream: Arc<[(&'static MethodDescriptor, Arc<Answering>)]>,
    messages: ServiceOptions,
    pacing: Arc<Pacing>,
    _service: PhantomData<fn() -> S>,
}

impl<S> ReplicaServer<S> {
    /// Creates the service `S`, whose calls `replica` handles.
    pub fn new<T>(replica: T) -> Self
    where
        S: Serve<T>,
        T: Send + Sync + 'static,
    {
        Self::shared(Arc::new(replica))
    }

    /// Like [`new`](Self::new), for a replica that is used elsewhere, too.
    pub fn shared<T>(replica: Arc<T>) -> Self
    where
        S: Serve<T>,
        T: Send + Sync + 'static,
    {
        let mut handlers = Handlers::new(replica);
        S::add_handlers(&mut handlers);
        let (answers, on_stream) = handlers.into_parts();
        Self {
            answers: Arc::new(answers),
            on_stream: on_stream.into(),
            messages: ServiceOptions::default(),
            pacing: Arc::default(),
            _service: PhantomData,
        }
    }

    /// The methods that clients can call on node streams.
    pub(super) fn on_stream(&self) -> &[(&'static MethodDescriptor, Arc<Answering>)] {
        &self.on_stream
    }

    /// How long a handler may take. `None`: no limit.
    pub(super) fn handler_timeout(&self) -> Option<Duration> {
        self.messages.timeout
    }

    /// Limits the messages and the unread replies of plain gRPC calls like those of node streams.
    pub(super) fn pace(&mut self, pacing: Arc<Pacing>) {
        self.messages.max_message_size = pacing.max_message_size;
        self.pacing = pacing;
    }

    /// Limits how long a handler may take, on both transports; there is no limit by default. When the time is up, the
    /// caller gets `DeadlineExceeded`, if it waits for a reply, and the handler's [`Context`](crate::Context) is
    /// cancelled. The handler still runs to its end. On a node stream, the client's next request waits for it.
    ///
    /// ```
    /// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
    /// # fn example(replica: impl register::register_gorums::RegisterReplica) {
    /// use std::time::Duration;
    ///
    /// use register::register_gorums::RegisterReplicaServer;
    ///
    /// let service = RegisterReplicaServer::new(replica).timeout(Duration::from_secs(5));
    /// # }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.messages.timeout = Some(timeout);
        self
    }

    /// Accepts requests that are compressed with `encoding`, and with the encodings of earlier calls of this method.
    /// Other compressed requests get `Unimplemented`; by default all of them do. Needs the crate's feature `gzip` or
    /// `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn accept_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.accept_compressed.enable(encoding);
        self
    }

    /// Compresses replies with `encoding` for clients that accept it. By default replies are not compressed. Needs the
    /// crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn send_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.send_compressed.enable(encoding);
        self
    }
}

impl<S> ReplicaServer<S> {
    /// Finds out which member of the server's system sends the request, if any.
    fn identify(&self, request: &mut http::Request<Body>) -> Result<(), Status> {
        let mut extensions = std::mem::take(request.extensions_mut());
        let identified = self
            .pacing
            .members
            .identify(request.headers(), &mut extensions);
        *request.extensions_mut() = extensions;
        identified.map(drop)
    }
}

impl<S: ServiceName> NamedService for ReplicaServer<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> tower::Service<http::Request<Body>> for ReplicaServer<S> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Err(status) = self.identify(&mut request) {
            return Box::pin(std::future::ready(Ok(status.into_http())));
        }
        let path = request.uri().path();
        let Some(answer) = self.answers.get(path) else {
            let method = path.trim_start_matches('/');
            let refusal = Status::unimplemented(format!("there is no method {method} here"));
            self.pacing.meter.refuse_unknown();
            let Some(interceptors) = self.pacing.interceptors.clone() else {
                return Box::pin(std::future::ready(Ok(refusal.into_http())));
            };
            let name = method.to_owned();
            let request = tonic::Request::from_http(request);
            // `refuse_unknown` has counted it.
            let (context, _) = Context::of(&UNKNOWN, request, None, &HandlerMeter::default());
            let status = guarded(interceptors.refuse(context, name, refusal));
            return Box::pin(async move {
                let status = status
                    .await
                    .unwrap_or_else(|it| panicked_at_once(&UNKNOWN, &it));
                Ok(status.into_http())
            });
        };
        let pacing = Arc::clone(&self.pacing);
        let peer = address(request.extensions());
        let answer = answer(request, self.messages, &pacing);
        Box::pin(async move {
            let answer = name_limit(answer.await, pacing.max_message_size);
            let mut response = pacing.pace(peer, answer);
            pacing.members.introduce(response.headers_mut());
            Ok(response)
        })
    }
}

/// Says of the answer to a request that tonic found too large whose limit it is.
fn name_limit(answer: http::Response<Body>, limit: MessageSize) -> http::Response<Body> {
    match status::failure(answer.headers()) {
        Some(status) if status.code() == Code::OutOfRange => {
            limit.name(status, "request").into_http()
        }
        _ => answer,
    }
}

impl<S> Clone for ReplicaServer<S> {
    fn clone(&self) -> Self {
        Self {
            answers: Arc::clone(&self.answers),
            on_stream: Arc::clone(&self.on_stream),
            messages: self.messages,
            pacing: Arc::clone(&self.pacing),
            _service: PhantomData,
        }
    }
}

impl<S: ServiceName> fmt::Debug for ReplicaServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplicaServer")
            .field("service", &S::NAME)
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}
