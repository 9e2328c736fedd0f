//! Replicas as services of a server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::BoxFuture;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;

use crate::call::MethodDescriptor;
use crate::server::handler::{
    Answer, Answering, CallLimits, Handlers, Pacing, ServiceOptions, address,
};

/// A service as a type. Implemented by generated code.
pub trait ServiceName: 'static {
    /// The service's full name, such as `register.Register`.
    const NAME: &'static str;
}

/// The functions by which a replica `T` handles a service. Implemented by generated code for every `T` that implements
/// the service's replica trait.
pub trait Serve<T>: ServiceName {
    /// Adds the functions of the replica trait to `handlers`.
    fn add_handlers(handlers: &mut Handlers<T>);
}

/// A replica as a service: to be added to a [`Router`](crate::server::Router), which serves it on node streams, too, or to a tonic
/// server of your own, which then serves plain gRPC only.
///
/// Generated code has a name for it per service, such as `RegisterReplicaServer`.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
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
    /// The service `S`, whose calls `replica` handles.
    pub fn new<T>(replica: T) -> Self
    where
        S: Serve<T>,
        T: Send + Sync + 'static,
    {
        Self::shared(Arc::new(replica))
    }

    /// The same for a replica that is used elsewhere, too.
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

    /// The methods that node streams have.
    pub(super) fn on_stream(&self) -> &[(&'static MethodDescriptor, Arc<Answering>)] {
        &self.on_stream
    }

    /// The limits of the calls on node streams.
    pub(super) fn limits(&self) -> CallLimits {
        CallLimits {
            max_request_size: self.messages.max_request_size,
            max_reply_size: self.messages.max_reply_size,
            timeout: self.messages.timeout,
        }
    }

    /// Has what the clients of plain gRPC calls do not read limited as that on node streams.
    pub(super) fn pace(&mut self, pacing: Arc<Pacing>) {
        self.pacing = pacing;
    }

    /// How many bytes a request may have, over both transports: unless this says otherwise 4 MiB over plain gRPC, and on
    /// node streams as many as [`StreamLimits::message_size`](crate::server::StreamLimits::message_size) says. A larger one fails
    /// with `OutOfRange`.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.messages.max_request_size = Some(bytes);
        self
    }

    /// How many bytes a reply may have, over both transports: any number unless this says otherwise. A larger one fails
    /// its call with `OutOfRange`.
    pub fn max_reply_size(mut self, bytes: usize) -> Self {
        self.messages.max_reply_size = Some(bytes);
        self
    }

    /// How long a handler may take, over both transports: for ever unless this says otherwise. Its caller is then answered
    /// `DeadlineExceeded`, if it waits for a reply, and its [`Context`](crate::Context) is cancelled. The handler runs to its end
    /// all the same, and on a node stream keeps its turn until then.
    ///
    /// ```
    /// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
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

    /// Lets clients compress their requests with `encoding`, and with those of earlier calls of this method; by default
    /// with none, so that one which does is answered `Unimplemented`. Needs the crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn accept_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.accept_compressed.enable(encoding);
        self
    }

    /// Compresses replies with `encoding` for the clients that accept it; by default they are sent as they are. Needs
    /// the crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn send_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.send_compressed.enable(encoding);
        self
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

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let Some(answer) = self.answers.get(path) else {
            let method = path.trim_start_matches('/');
            let status = Status::unimplemented(format!("there is no method {method} here"));
            return Box::pin(std::future::ready(Ok(status.into_http())));
        };
        let pacing = Arc::clone(&self.pacing);
        let peer = address(request.extensions());
        let answer = answer(request, self.messages, &pacing);
        Box::pin(async move { Ok(pacing.pace(peer, answer.await)) })
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
