//! How the calls of a method are answered on a stream.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use prost::Message;
use tonic::Status;

use crate::server::Context;
use crate::server::attended::guarded;
use crate::server::reply_sink::ReplySink;
use crate::stream::{END, Head, Item, MethodName, Queue, RpcStatus};
use crate::{Method, MethodDescriptor};

/// What answers the calls of one method: given a call and the bytes of its request, it gives the last message to send
/// back, if any.
pub(in crate::server) type Answering =
    dyn Fn(Context, Bytes, ReplyTo) -> BoxFuture<'static, Option<Bytes>> + Send + Sync;

/// Where the replies to a call go.
#[derive(Clone, Debug)]
pub(in crate::server) struct ReplyTo {
    pub(super) number: u64,
    pub(super) method: MethodDescriptor,
    pub(super) queue: Arc<Queue>,
    /// Whether the client knows the extensions of the protocol.
    pub(super) extended: bool,
}

impl ReplyTo {
    /// A reply. One that cannot be sent is an error instead.
    pub(in crate::server) fn reply(&self, reply: &impl Message) -> Bytes {
        self.head()
            .with(reply)
            .unwrap_or_else(|status| self.failure(&status))
    }

    /// What tells that the call failed.
    pub(in crate::server) fn failure(&self, status: &Status) -> Bytes {
        let status = RpcStatus::of(status);
        self.framed(Head {
            status: Some(&status),
            ..self.head()
        })
    }

    /// What tells that there are no more replies, for clients that understand it. Others learn of failures only.
    pub(in crate::server) fn end(&self, outcome: Result<(), Status>) -> Option<Bytes> {
        let status = outcome.err().map(|status| RpcStatus::of(&status));
        (self.extended || status.is_some()).then(|| {
            self.framed(Head {
                status: status.as_ref(),
                entry: self.extended.then_some((END, "")),
                ..self.head()
            })
        })
    }

    /// Sends one of several replies, once there is room for it.
    pub(in crate::server) async fn send(&self, reply: &impl Message) -> Result<(), Status> {
        let frame = self.head().with(reply)?;
        let item = Item::other(frame);
        self.queue.push_with_patience(item).await;
        Ok(())
    }

    fn head(&self) -> Head<'_> {
        Head {
            number: self.number,
            method: Some(MethodName::Of(&self.method)),
            ..Head::default()
        }
    }

    fn framed(&self, head: Head<'_>) -> Bytes {
        // Only what a handler says in its status could be too large, and then there is nothing to tell it by.
        head.alone().unwrap_or_default()
    }
}

/// Answers calls with one reply.
pub(in crate::server) fn with_one<M: Method, Fut>(
    handler: impl Fn(Context, M::Request) -> Fut + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = Result<M::Reply, Status>> + Send + 'static,
{
    Arc::new(move |context, payload, to| {
        let handling = decode::<M>(payload).map(|request| handler(context.clone(), request));
        async move {
            let outcome = match handling {
                Ok(handling) => guarded(context, handling).await,
                Err(status) => Err(status),
            };
            Some(match outcome {
                Ok(reply) => to.reply(&reply),
                Err(status) => to.failure(&status),
            })
        }
        .boxed()
    })
}

/// Answers calls with nothing, unless their request is malformed.
pub(in crate::server) fn with_nothing<M: Method, Fut>(
    handler: impl Fn(Context, M::Request) -> Fut + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |context, payload, to| {
        let handling = decode::<M>(payload).map(|request| handler(context.clone(), request));
        async move {
            match handling {
                Ok(handling) => {
                    // There is nobody to tell of a panic.
                    let _ = guarded(context, handling.map(Ok)).await;
                    None
                }
                Err(status) => Some(to.failure(&status)),
            }
        }
        .boxed()
    })
}

/// Answers calls with streams of replies.
pub(in crate::server) fn with_many<M: Method, Fut>(
    handler: impl Fn(Context, M::Request, ReplySink<M::Reply>) -> Fut + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = Result<(), Status>> + Send + 'static,
{
    Arc::new(move |context, payload, to| {
        let (sink, emptied) = ReplySink::on_stream(context.clone(), to.clone());
        let handling = decode::<M>(payload).map(|request| handler(context.clone(), request, sink));
        async move {
            let outcome = match handling {
                Ok(handling) => guarded(context, handling).await,
                Err(status) => Err(status),
            };
            if outcome.is_ok() {
                emptied.await;
            }
            to.end(outcome)
        }
        .boxed()
    })
}

fn decode<M: Method>(payload: Bytes) -> Result<M::Request, Status> {
    M::Request::decode(payload)
        .map_err(|error| Status::invalid_argument(format!("the request does not decode: {error}")))
}
