//! How the calls of a method are answered on a stream.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use prost::Message;
use tonic::Status;

use super::call_limits::{check_size, too_late};
use super::handling::Handling;
use super::one_reply::OneReply;
use crate::guard::guard;
use crate::method::{Method, MethodDescriptor};
use crate::server::attended;
use crate::server::codec::decode;
use crate::server::context::Context;
use crate::server::reply_sink::ReplySink;
use crate::stream::{END, Frame, Head, MethodName, Owner, Payload, Queue, RpcStatus};

/// What answers the calls of one method, given a call and its request: it begins to handle it.
pub(in crate::server) type Answering =
    dyn Fn(Context, Payload<'_>, ReplyTo, &mut Handling) + Send + Sync;

/// Where the replies to a call go.
#[derive(Clone, Debug)]
pub(in crate::server) struct ReplyTo {
    pub(super) queue: Arc<Queue>,
    /// Whether the client knows the extensions of the protocol.
    pub(super) extended: bool,
    /// How long the handler may take. None is for ever.
    pub(super) timeout: Option<Duration>,
    pub(super) framing: Framing,
}

/// What the replies to a call have in common.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Framing {
    pub(super) number: u64,
    pub(super) method: &'static MethodDescriptor,
    /// How many bytes a reply may have. None is any number.
    pub(super) max_reply_size: Option<usize>,
}

impl Framing {
    /// A reply, as it is sent.
    pub(super) fn frame(self, reply: &impl Message) -> Result<Frame, Status> {
        if self.max_reply_size.is_some() {
            check_size("reply", reply.encoded_len(), self.max_reply_size)?;
        }
        self.head().with(reply)
    }

    fn head(self) -> Head<'static> {
        Head {
            number: self.number,
            method: Some(MethodName::Of(self.method)),
            ..Head::default()
        }
    }
}

impl ReplyTo {
    /// Sends the only reply, or how the call failed. A reply that cannot be sent is an error instead.
    pub(super) fn answer(&self, outcome: Result<Frame, Status>) -> Result<(), Status> {
        outcome
            .and_then(|frame| reply(&self.queue, &frame))
            .or_else(|status| self.fail(&status))
    }

    /// Tells that the call failed.
    fn fail(&self, status: &Status) -> Result<(), Status> {
        let status = RpcStatus::of(status);
        self.tell(Head {
            status: Some(&status),
            ..self.framing.head()
        })
    }

    /// Tells that there are no more replies, if the client understands it. Others learn of failures only.
    fn end(&self, outcome: Result<(), Status>) -> Result<(), Status> {
        if self.extended {
            let status = outcome.err().map(|status| RpcStatus::of(&status));
            self.tell(Head {
                status: status.as_ref(),
                entry: Some((END, "")),
                ..self.framing.head()
            })
        } else {
            outcome.or_else(|status| self.fail(&status))
        }
    }

    /// Tells that the call failed before its handler began.
    pub(super) fn refuse(&self, status: Status) -> Result<(), Status> {
        match self.framing.method.streams_replies() {
            true => self.end(Err(status)),
            false => self.fail(&status),
        }
    }

    /// Sends one of several replies, once there is room for it.
    pub(in crate::server) async fn send(&self, reply: &impl Message) -> Result<(), Status> {
        // Whoever sends it, and be it a task of the handler's that nobody guards, the call is to hear of a panic.
        let frame = guard(|| self.framing.frame(reply))
            .unwrap_or_else(|it| Err(attended::panicked(self.framing.method, &it)))?;
        self.queue.push_with_patience(frame, Owner::Nobody).await;
        Ok(())
    }

    fn tell(&self, head: Head<'_>) -> Result<(), Status> {
        match head.alone() {
            Ok(frame) => reply(&self.queue, &frame),
            // What a handler says in its status is too large, and there is nothing to tell it by.
            Err(_) => Ok(()),
        }
    }
}

/// Sends the reply of a call that was let in while there was room.
///
/// # Errors
///
/// When what the client has not read leaves no room for it.
pub(super) fn reply(queue: &Queue, frame: &Frame) -> Result<(), Status> {
    match queue.push_reply(frame) {
        true => Ok(()),
        false => Err(Status::resource_exhausted(
            "the client has too many replies to read, and there is no room for this one; read them, or make fewer calls at once",
        )),
    }
}

/// Answers calls with one reply.
pub(in crate::server) fn with_one<M: Method, Fut>(
    handler: impl Fn(Context, M::Request) -> Fut + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = Result<M::Reply, Status>> + Send + 'static,
{
    Arc::new(
        move |context, payload, to, begun| match decode::<M>(payload.share()) {
            Ok(request) => {
                let handler = handler(context.clone(), request);
                begun.set(OneReply::new(handler, context, to));
            }
            Err(status) => begun.set(ready(to.fail(&status))),
        },
    )
}

/// Answers calls with nothing, unless their request is malformed.
pub(in crate::server) fn with_nothing<M: Method, Fut>(
    handler: impl Fn(Context, M::Request) -> Fut + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = ()> + Send + 'static,
{
    Arc::new(
        move |context, payload, to, begun| match decode::<M>(payload.share()) {
            Ok(request) => {
                let handling = handler(context, request).map(Ok);
                // There is nobody to tell of a panic.
                begun.set(attended::guarded(to.framing.method, handling).map(|_| Ok(())));
            }
            Err(status) => begun.set(ready(to.fail(&status))),
        },
    )
}

/// Answers calls with streams of replies.
pub(in crate::server) fn with_many<M: Method, Fut>(
    handler: impl Fn(Context, M::Request, ReplySink<M::Reply>) -> Fut + Send + Sync + 'static,
) -> Arc<Answering>
where
    Fut: Future<Output = Result<(), Status>> + Send + 'static,
{
    Arc::new(move |context, payload, to, begun| {
        let (sink, emptied) = ReplySink::on_stream(context.clone(), to.clone());
        let handling =
            decode::<M>(payload.share()).map(|request| handler(context.clone(), request, sink));
        let limit = to.timeout;
        let method = to.framing.method;
        let handling = async move {
            match handling {
                Ok(handling) => {
                    attended::guarded(method, handling).await?;
                    // What the sink says has failed is the call's outcome, whatever its handler made of it.
                    emptied.await
                }
                Err(status) => Err(status),
            }
        };
        let end = move |outcome| match context.is_abandoned() {
            true => Ok(()),
            false => to.end(outcome),
        };
        match limit {
            Some(limit) => begun.set(within(limit, handling, end)),
            None => begun.set(handling.map(end)),
        }
    })
}

/// A handler whose caller is told after `limit` that it takes too long. It runs to its end all the same.
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
            // Nobody waits for what comes of it.
            let _ = handling.await;
            Ok(())
        }
    }
}
