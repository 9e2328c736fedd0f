//! Answers calls on a node stream, by kind of method.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tonic::Status;

use super::attended;
use super::codec::decode;
use super::context::Context;
use super::handling::Handling;
use super::interceptor::Interceptors;
use super::one_reply::OneReply;
use super::reply_sink::ReplySink;
use super::reply_to::ReplyTo;
use super::too_late::too_late;
use crate::call::Method;
use crate::wire::Payload;

/// Begins to handle one call of a method, given its context and request, within the server's interceptors.
pub(crate) type Answering =
    dyn Fn(Context, Payload<'_>, ReplyTo, Option<&Interceptors>, &mut Handling) + Send + Sync;

/// Answers calls with one reply.
pub(crate) fn with_one<M: Method, Fut>(
    handler: impl Fn(Context, M::Request) -> Fut + Clone + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = Result<M::Reply, Status>> + Send + 'static,
{
    Arc::new(move |context, payload, to, interceptors, begun| {
        let request = decode::<M>(payload.share());
        if let Err(status) = &request {
            context.timer().refuse(status);
        }
        match (interceptors, request) {
            (None, Ok(request)) => {
                let handler = handler(context.clone(), request);
                begun.set(OneReply::new(handler, context, to));
            }
            (None, Err(status)) => begun.set(ready(to.fail(&status))),
            (Some(interceptors), request) => {
                let interceptors = interceptors.clone();
                let handler = handler.clone();
                let handler = interceptors.around::<M, _, _>(context.clone(), request, handler);
                begun.set(OneReply::new(handler, context, to));
            }
        }
    })
}

/// Answers calls with nothing, unless the request is malformed or refused.
pub(crate) fn with_nothing<M: Method, Fut>(
    handler: impl Fn(Context, M::Request) -> Fut + Clone + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |context, payload, to, interceptors, begun| {
        let request = decode::<M>(payload.share());
        if let Err(status) = &request {
            context.timer().refuse(status);
        }
        let method = to.framing.method;
        match (interceptors, request) {
            (None, Ok(request)) => {
                let handling = handler(context, request).map(Ok);
                // No caller waits to hear of a panic.
                begun.set(attended::guarded(method, handling).map(|_| Ok(())));
            }
            (None, Err(status)) => begun.set(ready(to.fail(&status))),
            (Some(interceptors), request) => {
                let handler = handler.clone();
                let handler = move |context, request| handler(context, request).map(Ok);
                let handling = interceptors.clone();
                let handling = handling.around::<M, (), _>(context, request, handler);
                let refusal = attended::guarded(method, handling.map(Ok));
                begun.set(refusal.map(move |outcome| match outcome {
                    Ok(Err(refusal)) => to.fail(&refusal),
                    Ok(Ok(())) | Err(_) => Ok(()),
                }));
            }
        }
    })
}

/// Answers calls with streams of replies.
pub(crate) fn with_many<M: Method, Fut>(
    handler: impl Fn(Context, M::Request, ReplySink<M::Reply>) -> Fut + Clone + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = Result<(), Status>> + Send + 'static,
{
    Arc::new(move |context, payload, to, interceptors, begun| {
        let (sink, emptied) = ReplySink::on_stream(context.clone(), to.clone());
        let request = decode::<M>(payload.share());
        if let Err(status) = &request {
            context.timer().refuse(status);
        }
        match interceptors {
            None => {
                let handling = request.map(|request| handler(context.clone(), request, sink));
                let handling = async move { handling?.await };
                begin_many(handling, emptied, context, to, begun);
            }
            Some(interceptors) => {
                let handler = handler.clone();
                let handler = move |context, request| handler(context, request, sink);
                let handling = interceptors.clone();
                let handling = handling.around::<M, (), _>(context.clone(), request, handler);
                begin_many(handling, emptied, context, to, begun);
            }
        }
    })
}

/// Begins a handler of streamed replies. `emptied` ends when no more replies can come.
fn begin_many(
    handling: impl Future<Output = Result<(), Status>> + Send + 'static,
    emptied: impl Future<Output = Result<(), Status>> + Send + 'static,
    context: Context,
    to: ReplyTo,
    begun: &mut Handling,
) {
    let limit = to.timeout;
    let method = to.framing.method;
    let handling = async move {
        attended::guarded(method, handling).await?;
        // A failure of the sink is the call's outcome, whatever the handler returned.
        emptied.await
    };
    let end = move |outcome| match context.is_abandoned() {
        true => Ok(()),
        false => to.end(outcome),
    };
    match limit {
        Some(limit) => begun.set(within(limit, handling, end)),
        None => begun.set(handling.map(end)),
    }
}

/// Runs a handler to its end, but answers its caller after `limit` if it takes longer.
async fn within(
    limit: Duration,
    handling: impl Future<Output = Result<(), Status>> + Send,
    answer: impl FnOnce(Result<(), Status>) -> Result<(), Status> + Send,
) -> Result<(), Status> {
    let mut handling = pin!(handling);
    match tokio::time::timeout(limit, &mut handling).await {
        Ok(outcome) => answer(outcome),
        Err(_) => {
            answer(Err(too_late(limit)))?;
            // The caller already has its answer.
            let _ = handling.await;
            Ok(())
        }
    }
}
