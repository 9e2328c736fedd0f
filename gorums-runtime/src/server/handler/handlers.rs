//! The handlers of a service's methods.

use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use prost::Message;
use tonic::body::Body;
use tonic::{Request, Response, Status, Streaming};

use super::answering::{Answering, with_many, with_nothing, with_one};
use super::attended::{Attended, guarded};
use super::codec::{FallibleCodec, ServerCodec};
use super::context::Context;
use super::function::{Function, StreamingFunction};
use super::interceptor::Interceptors;
use super::pacing::Pacing;
use super::reply_sink::{ReplySink, ReplyStream};
use super::service_options::ServiceOptions;
use crate::call::{MessageSize, Method, MethodDescriptor};
use crate::support::begin_large;

/// Answers the plain gRPC calls of one method.
pub(crate) type Answer = dyn Fn(http::Request<Body>, ServiceOptions, &Pacing) -> BoxFuture<'static, http::Response<Body>>
    + Send
    + Sync;

/// The handlers of plain gRPC calls, by path, and those of calls on node streams.
type Parts = (
    HashMap<&'static str, Arc<Answer>>,
    Vec<(&'static MethodDescriptor, Arc<Answering>)>,
);

/// The functions of a replica `T` that handle the methods of a service. Generated code builds it.
pub struct Handlers<T> {
    replica: Arc<T>,
    by_path: HashMap<&'static str, Arc<Answer>>,
    on_stream: Vec<(&'static MethodDescriptor, Arc<Answering>)>,
}

impl<T: Send + Sync + 'static> Handlers<T> {
    /// Creates the handlers of `replica`; none yet.
    pub fn new(replica: Arc<T>) -> Self {
        Self {
            replica,
            by_path: HashMap::new(),
            on_stream: Vec::new(),
        }
    }

    /// Handles a method with one request and one reply.
    pub fn unary<M, F>(&mut self, _: M, function: F) -> &mut Self
    where
        M: Method,
        F: for<'a> Function<'a, T, M::Request, Output = Result<M::Reply, Status>>,
    {
        let handler = move |replica: Arc<T>, context: Context, request| {
            let call = context.clone();
            call.serve(async move { function.call(&*replica, &context, request).await })
        };
        let replica = Arc::clone(&self.replica);
        let answering = with_one::<M, _>(move |context, request| {
            handler(Arc::clone(&replica), context, request)
        });
        self.streamed::<M>(answering)
            .one_request::<M, M::Reply, _, _>(handler, |reply| reply)
    }

    /// Handles a one-way method with one request.
    pub fn one_way<M, F>(&mut self, _: M, function: F) -> &mut Self
    where
        M: Method,
        F: for<'a> Function<'a, T, M::Request, Output = ()>,
    {
        let handler = move |replica: Arc<T>, context: Context, request| {
            let call = context.clone();
            call.serve(async move { function.call(&*replica, &context, request).await })
        };
        let handler_of_grpc =
            move |replica, context, request| handler(replica, context, request).map(Ok);
        self.one_way_on_stream::<M, _, _>(handler)
            // gRPC requires a reply: an empty message.
            .one_request::<M, (), _, _>(handler_of_grpc, |()| M::Reply::default())
    }

    /// Handles a one-way method with a stream of requests: each is a call of its own, and one is handled after the
    /// other.
    pub fn one_way_stream<M, F>(&mut self, _: M, function: F) -> &mut Self
    where
        M: Method,
        F: for<'a> Function<'a, T, M::Request, Output = ()>,
    {
        let handler = move |replica: Arc<T>, context: Context, request| {
            let call = context.clone();
            call.serve(async move { function.call(&*replica, &context, request).await })
        };
        self.one_way_on_stream::<M, _, _>(handler)
            .many_requests::<M, _, _>(
                move |replica, context, mut requests: Streaming<M::Request>, interceptors| async move {
                    while let Some(request) = requests.message().await? {
                        let replica = Arc::clone(&replica);
                        let handler =
                            move |context, request| handler(replica, context, request).map(Ok);
                        let (interceptors, context) = (interceptors.as_ref(), context.clone());
                        let handling =
                            within::<M, (), _>(interceptors, context, Ok(request), handler);
                        // A handler that panics, or a message that is refused, must not lose the requests after it.
                        let _ = guarded(&M::DESCRIPTOR, handling).await;
                    }
                    Ok(M::Reply::default())
                },
            )
    }

    /// Handles a method with one request and a stream of replies.
    pub fn server_streaming<M, F>(&mut self, _: M, function: F) -> &mut Self
    where
        M: Method,
        F: for<'a> StreamingFunction<
                'a,
                T,
                M::Request,
                ReplySink<M::Reply>,
                Output = Result<(), Status>,
            >,
    {
        let handler = move |replica: Arc<T>, context: Context, request, replies| {
            let call = context.clone();
            call.serve(async move {
                let replied = function.call(&*replica, &context, request, replies);
                replied.await
            })
        };
        let replica = Arc::clone(&self.replica);
        let answering = with_many::<M, _>(move |context, request, replies| {
            handler(Arc::clone(&replica), context, request, replies)
        });
        let replica = Arc::clone(&self.replica);
        self.streamed::<M>(answering)
            .answered_by::<M>(move |request, messages, pacing| {
                let replica = Arc::clone(&replica);
                let pacing = pacing.clone();
                let meter = pacing.meter.method(M::DESCRIPTOR.full_name());
                let service = tower::service_fn(move |request: Request<Result<_, Status>>| {
                    let (context, request) =
                        Context::of(&M::DESCRIPTOR, request, messages.timeout, &meter);
                    if let Err(status) = &request {
                        context.timer().refuse(status);
                    }
                    let replica = Arc::clone(&replica);
                    let start = |sink| {
                        let handler =
                            move |context, request| handler(replica, context, request, sink);
                        let interceptors = pacing.interceptors.as_ref();
                        within::<M, (), _>(interceptors, context.clone(), request, handler)
                    };
                    let replies =
                        ReplyStream::start(context.clone(), &pacing, messages.timeout, start);
                    std::future::ready(Ok(Response::new(replies)))
                });
                async move {
                    fallible::<M>(messages)
                        .server_streaming(service, request)
                        .await
                }
                .boxed()
            })
    }

    /// Handles a method with a stream of requests and one reply.
    pub fn client_streaming<M, F>(&mut self, _: M, function: F) -> &mut Self
    where
        M: Method,
        F: for<'a> Function<'a, T, Streaming<M::Request>, Output = Result<M::Reply, Status>>,
    {
        let handler = move |replica: Arc<T>, context: Context, requests| {
            let call = context.clone();
            call.serve(async move { function.call(&*replica, &context, requests).await })
        };
        self.many_requests::<M, _, _>(move |replica, context, requests, interceptors| {
            let handler = move |context| handler(replica, context, requests);
            within_of_stream::<M, _, _>(interceptors.as_ref(), context, handler)
        })
    }

    /// Handles a method with streams of requests and replies.
    pub fn bidirectional<M, F>(&mut self, _: M, function: F) -> &mut Self
    where
        M: Method,
        F: for<'a> StreamingFunction<
                'a,
                T,
                Streaming<M::Request>,
                ReplySink<M::Reply>,
                Output = Result<(), Status>,
            >,
    {
        let handler = move |replica: Arc<T>, context: Context, request, replies| {
            let call = context.clone();
            call.serve(async move {
                let replied = function.call(&*replica, &context, request, replies);
                replied.await
            })
        };
        let replica = Arc::clone(&self.replica);
        self.answered_by::<M>(move |mut request, messages, pacing| {
            let replica = Arc::clone(&replica);
            let pacing = pacing.clone();
            let meter = pacing.meter.method(M::DESCRIPTOR.full_name());
            let service = tower::service_fn(move |request: Request<Streaming<M::Request>>| {
                let (context, requests) =
                    Context::of(&M::DESCRIPTOR, request, messages.timeout, &meter);
                let replica = Arc::clone(&replica);
                let start = |sink| {
                    let handler = move |context| handler(replica, context, requests, sink);
                    let interceptors = pacing.interceptors.as_ref();
                    within_of_stream::<M, (), _>(interceptors, context.clone(), handler)
                };
                let replies = ReplyStream::start(context.clone(), &pacing, messages.timeout, start);
                std::future::ready(Ok(Response::new(replies)))
            });
            begin_large(request.extensions_mut());
            async move { grpc::<M>(messages).streaming(service, request).await }.boxed()
        })
    }

    /// Returns the handlers by their methods' gRPC paths, and those of the methods that node streams carry.
    pub(crate) fn into_parts(self) -> Parts {
        (self.by_path, self.on_stream)
    }

    fn streamed<M: Method>(&mut self, answering: Arc<Answering>) -> &mut Self {
        self.on_stream.push((&M::DESCRIPTOR, answering));
        self
    }

    fn one_way_on_stream<M, F, Fut>(&mut self, handler: F) -> &mut Self
    where
        M: Method,
        F: Fn(Arc<T>, Context, M::Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let replica = Arc::clone(&self.replica);
        let answering = with_nothing::<M, _>(move |context, request| {
            handler(Arc::clone(&replica), context, request)
        });
        self.streamed::<M>(answering)
    }

    /// Answers plain gRPC calls with one request by what `reply` makes of the outcome of `handler`.
    fn one_request<M, R, F, Fut>(&mut self, handler: F, reply: fn(R) -> M::Reply) -> &mut Self
    where
        M: Method,
        R: Message + 'static,
        F: Fn(Arc<T>, Context, M::Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let replica = Arc::clone(&self.replica);
        self.answered_by::<M>(move |request, messages, pacing| {
            let (replica, handler) = (Arc::clone(&replica), handler.clone());
            let interceptors = pacing.interceptors.clone();
            let meter = pacing.meter.method(M::DESCRIPTOR.full_name());
            let service = tower::service_fn(move |request: Request<Result<_, Status>>| {
                let (context, request) =
                    Context::of(&M::DESCRIPTOR, request, messages.timeout, &meter);
                let (replica, handler) = (Arc::clone(&replica), handler.clone());
                let handler = move |context, request| handler(replica, context, request);
                let (limit, called) = (messages.timeout, context.clone());
                if let Err(status) = &request {
                    context.timer().refuse(status);
                }
                // Each is boxed once.
                let attended = match (&interceptors, request) {
                    (None, Ok(request)) => Attended::new(context, limit, handler(called, request)),
                    (None, Err(status)) => Attended::new(context, limit, ready(Err(status))),
                    (Some(interceptors), request) => {
                        let around = interceptors.clone();
                        let around = around.around::<M, R, _>(called, request, handler);
                        Attended::new(context, limit, around)
                    }
                };
                attended.map(move |outcome| response(outcome.map(reply), messages.max_message_size))
            });
            async move { fallible::<M>(messages).unary(service, request).await }.boxed()
        })
    }

    fn many_requests<M, F, Fut>(&mut self, handler: F) -> &mut Self
    where
        M: Method,
        F: Fn(Arc<T>, Context, Streaming<M::Request>, Option<Interceptors>) -> Fut
            + Clone
            + Send
            + Sync
            + 'static,
        Fut: Future<Output = Result<M::Reply, Status>> + Send + 'static,
    {
        let replica = Arc::clone(&self.replica);
        self.answered_by::<M>(move |mut request, messages, pacing| {
            let (replica, handler) = (Arc::clone(&replica), handler.clone());
            let interceptors = pacing.interceptors.clone();
            let meter = pacing.meter.method(M::DESCRIPTOR.full_name());
            let service = tower::service_fn(move |request: Request<Streaming<M::Request>>| {
                let (context, requests) =
                    Context::of(&M::DESCRIPTOR, request, messages.timeout, &meter);
                let (replica, interceptors) = (Arc::clone(&replica), interceptors.clone());
                let handling = handler(replica, context.clone(), requests, interceptors);
                Attended::new(context, messages.timeout, handling)
                    .map(move |reply| response(reply, messages.max_message_size))
            });
            begin_large(request.extensions_mut());
            async move { grpc::<M>(messages).client_streaming(service, request).await }.boxed()
        })
    }

    fn answered_by<M: Method>(
        &mut self,
        answer: impl Fn(
            http::Request<Body>,
            ServiceOptions,
            &Pacing,
        ) -> BoxFuture<'static, http::Response<Body>>
        + Send
        + Sync
        + 'static,
    ) -> &mut Self {
        self.by_path.insert(M::DESCRIPTOR.path(), Arc::new(answer));
        self
    }
}

/// The response with a handler's reply, unless that has more bytes than it may.
fn response<R: Message>(
    reply: Result<R, Status>,
    most: MessageSize,
) -> Result<Response<R>, Status> {
    let reply = reply?;
    most.check("reply", reply.encoded_len())?;
    Ok(Response::new(reply))
}

/// Handles a call of `M` within the server's interceptors, if it has any.
fn within<M, R, F>(
    interceptors: Option<&Interceptors>,
    context: Context,
    request: Result<M::Request, Status>,
    handler: impl FnOnce(Context, M::Request) -> F + Send + 'static,
) -> BoxFuture<'static, Result<R, Status>>
where
    M: Method,
    R: Message + 'static,
    F: Future<Output = Result<R, Status>> + Send + 'static,
{
    match (interceptors, request) {
        (None, Ok(request)) => handler(context, request).boxed(),
        (None, Err(status)) => ready(Err(status)).boxed(),
        (Some(interceptors), request) => {
            let interceptors = interceptors.clone();
            interceptors
                .around::<M, R, F>(context, request, handler)
                .boxed()
        }
    }
}

/// Like [`within`], for a call whose requests are a stream that `handler` has.
fn within_of_stream<M, R, F>(
    interceptors: Option<&Interceptors>,
    context: Context,
    handler: impl FnOnce(Context) -> F + Send + 'static,
) -> BoxFuture<'static, Result<R, Status>>
where
    M: Method,
    R: Message + 'static,
    F: Future<Output = Result<R, Status>> + Send + 'static,
{
    match interceptors {
        None => handler(context).boxed(),
        Some(interceptors) => {
            let interceptors = interceptors.clone();
            interceptors
                .around_stream::<M, R, F>(context, handler)
                .boxed()
        }
    }
}

/// The server's end of a plain gRPC call of `M`, whose request may be malformed.
fn fallible<M: Method>(messages: ServiceOptions) -> tonic::server::Grpc<FallibleCodec<M>> {
    messages.apply(FallibleCodec::new())
}

/// The server's end of a plain gRPC call of `M`.
fn grpc<M: Method>(messages: ServiceOptions) -> tonic::server::Grpc<ServerCodec<M>> {
    messages.apply(ServerCodec::new())
}

impl<T> fmt::Debug for Handlers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handlers")
            .field(&self.by_path.keys())
            .finish()
    }
}
