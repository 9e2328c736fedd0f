//! Functions around each call that a server handles.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tonic::Status;

use super::context::Context;
use super::server_call::ServerCall;
use crate::call::{AnyMessage, Method, MethodDescriptor};

/// A function around each call that a server handles: before its handler, after it, or instead of it.
///
/// [`Router::intercept`](crate::server::Router::intercept) and [`Server::intercept`](crate::Server::intercept) add one. The
/// first one is outermost: it sees a call first and its outcome last.
///
/// An interceptor may refuse a call, wait, change the request and the metadata that the handler sees, and replace or look
/// at the reply. It sees the calls of all methods, on node streams and over plain gRPC, of members, clients and the process
/// itself, and those that nodes make to their client. It also sees the refusals of calls of unknown methods and of requests
/// that do not decode, from `next`. Requests beyond a size limit are refused before.
///
/// tower's layers and tonic's interceptors see HTTP requests instead. A node stream is one such request, however many calls
/// it carries: what has to hold for each call, such as a permission, belongs here.
///
/// An interceptor runs in the turn of its call: on a node stream, the client's next request waits for it as it waits for
/// the handler, unless either calls [`release`](crate::Context::release). A panic fails the call with `Internal`.
///
/// ```
/// use gorums_runtime::interceptors::{AnyMessage, Next, ServerCall, ServerInterceptor};
/// use gorums_runtime::tonic::Status;
///
/// /// Lets only calls with the right token through.
/// struct Token(&'static str);
///
/// impl ServerInterceptor for Token {
///     async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
///         let token = call.context().metadata().get("token");
///         if token.is_none_or(|token| token != self.0) {
///             return Err(Status::permission_denied(format!("{} needs a token", call.name())));
///         }
///         next.run(call).await
///     }
/// }
/// # fn example(router: gorums_runtime::server::Router) -> gorums_runtime::Server {
/// gorums_runtime::Server::new(router).intercept(Token("secret"))
/// # }
/// ```
///
/// # Replies
///
/// The reply of a method with one reply is a message of the method's reply type; a reply of another type fails the call. One-way
/// methods, and those that stream their replies, reply with `()`. Of a stream of replies, an interceptor sees the end
/// only.
pub trait ServerInterceptor: Send + Sync + 'static {
    /// Handles a call, or lets `next` handle it.
    ///
    /// # Errors
    ///
    /// What the caller gets in place of a reply. The caller of a one-way method gets nothing over plain gRPC, and the node's
    /// error on a node stream.
    fn intercept(
        &self,
        call: ServerCall,
        next: Next<'_>,
    ) -> impl Future<Output = Result<AnyMessage, Status>> + Send;
}

/// Stands for all methods that are not known, in the contexts of their calls.
pub(crate) static UNKNOWN: MethodDescriptor = MethodDescriptor::new("/unknown/Unknown");

/// An interceptor of any type.
trait Erased: Send + Sync {
    fn intercept<'a>(
        &'a self,
        call: ServerCall,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<AnyMessage, Status>>;
}

impl<I: ServerInterceptor> Erased for I {
    fn intercept<'a>(
        &'a self,
        call: ServerCall,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<AnyMessage, Status>> {
        ServerInterceptor::intercept(self, call, next).boxed()
    }
}

type Handler = Box<dyn FnOnce(ServerCall) -> BoxFuture<'static, Result<AnyMessage, Status>> + Send>;

/// What is left of a call's way to its handler: the interceptors that come later, and the handler itself.
pub struct Next<'a> {
    rest: &'a [Arc<dyn Erased>],
    handler: Handler,
}

impl Next<'_> {
    /// Lets the call go on to its handler.
    ///
    /// # Errors
    ///
    /// How the call fails: in a later interceptor, in the handler, or because there is no such method or its request does
    /// not decode.
    pub async fn run(self, call: ServerCall) -> Result<AnyMessage, Status> {
        match self.rest.split_first() {
            Some((interceptor, rest)) => {
                let handler = self.handler;
                interceptor.intercept(call, Next { rest, handler }).await
            }
            None => (self.handler)(call).await,
        }
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

/// The interceptors of a server, the outermost first. There is at least one.
#[derive(Clone)]
pub(crate) struct Interceptors(Arc<Vec<Arc<dyn Erased>>>);

impl Interceptors {
    /// Adds an interceptor inside of those in `before`.
    pub(crate) fn push(before: &mut Option<Self>, interceptor: impl ServerInterceptor) {
        let Self(interceptors) = before.get_or_insert_with(|| Self(Arc::default()));
        Arc::make_mut(interceptors).push(Arc::new(interceptor));
    }

    /// Runs a call of `M` whose request is a message, or does not decode. `handler` handles it in the end.
    pub(super) async fn around<M, R, F>(
        self,
        context: Context,
        request: Result<M::Request, Status>,
        handler: impl FnOnce(Context, M::Request) -> F + Send + 'static,
    ) -> Result<R, Status>
    where
        M: Method,
        R: prost::Message + 'static,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let call = match request {
            Ok(request) => ServerCall::with_request(context, AnyMessage::new(request)),
            Err(refusal) => ServerCall::undecodable(context, refusal),
        };
        self.run::<M, R, F>(call, |context, request| {
            let request = request.map(AnyMessage::downcast);
            let request =
                request.ok_or_else(|| of_another_type("request", M::DESCRIPTOR.full_name()))?;
            let request =
                request.map_err(|_| of_another_type("request", M::DESCRIPTOR.full_name()))?;
            Ok(handler(context, request))
        })
        .await
    }

    /// Runs a call of `M` whose request is a stream, which `handler` has.
    pub(super) async fn around_stream<M, R, F>(
        self,
        context: Context,
        handler: impl FnOnce(Context) -> F + Send + 'static,
    ) -> Result<R, Status>
    where
        M: Method,
        R: prost::Message + 'static,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let call = ServerCall::with_stream(context);
        self.run::<M, R, F>(call, |context, _| Ok(handler(context)))
            .await
    }

    /// Shows the interceptors a call of the unknown method `name`, which fails with `refusal` unless one of them fails it
    /// otherwise.
    pub(crate) async fn refuse(self, context: Context, name: String, refusal: Status) -> Status {
        let call = ServerCall::unknown(context, &name, refusal.clone());
        let handler = |call: ServerCall| async { call.into_parts().and(Err(refusal)) }.boxed();
        match self.all(call, Box::new(handler)).await {
            Err(status) => status,
            Ok(_) => Status::internal(format!(
                "an interceptor replied to {name:?}, which is no method of this server"
            )),
        }
    }

    async fn run<M, R, F>(
        self,
        call: ServerCall,
        handler: impl FnOnce(Context, Option<AnyMessage>) -> Result<F, Status> + Send + 'static,
    ) -> Result<R, Status>
    where
        M: Method,
        R: prost::Message + 'static,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let scope = call.context().clone();
        let handler = |call: ServerCall| {
            let handling = call
                .into_parts()
                .and_then(|(context, request)| handler(context, request));
            async { Ok(AnyMessage::new(handling?.await?)) }.boxed()
        };
        let outcome = scope.scope(self.all(call, Box::new(handler))).await;
        let reply = outcome?.downcast();
        reply.map_err(|_| of_another_type("reply", M::DESCRIPTOR.full_name()))
    }

    async fn all(self, call: ServerCall, handler: Handler) -> Result<AnyMessage, Status> {
        let next = Next {
            rest: &self.0,
            handler,
        };
        next.run(call).await
    }
}

fn of_another_type(what: &str, method: &str) -> Status {
    Status::internal(format!(
        "an interceptor made the {what} of {method} a message of another type"
    ))
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interceptors").field(&self.0.len()).finish()
    }
}
