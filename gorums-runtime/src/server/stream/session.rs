//! One node stream, from its first request to its last.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::answering::{ReplyTo, reply};
use super::backlog::{Backlog, Callee, Request, Waiting};
use super::handling::Handling;
use super::limits::StreamLimits;
use super::methods::Methods;
use super::reply_body::End;
use crate::server::Context;
use crate::server::peer::Peer;
use crate::stream::{
    CANCEL, Head, Messages, MethodName, Payload, Queue, Received, RpcStatus, StreamMessage,
};

/// The bit that is set in the numbers of a server's calls, and clear in those of a client's.
const FROM_SERVER: u64 = 1 << 63;

/// How many steps are made on one stream before other tasks have their turn. Most requests take two.
const STEPS: u32 = 256;

/// One node stream. Its requests are handled in the order in which they come: the next one when the handler of the one
/// before has returned, or was released.
pub(super) struct Session {
    pub(super) methods: Arc<Methods>,
    pub(super) limits: StreamLimits,
    pub(super) peer: Arc<Peer>,
    pub(super) extended: bool,
    /// Whether the client takes calls of the server's.
    pub(super) accepts_calls: bool,
    pub(super) queue: Arc<Queue>,
    /// What the client is told at the end.
    pub(super) end: End,
    /// Cancelled when the client is gone.
    pub(super) gone: CancellationToken,
    /// Cancelled when the server shuts down.
    pub(super) stop: CancellationToken,
}

/// Why the requests of a stream are left for a while.
enum Pause {
    /// There are no more, and all are handled.
    Done,
    /// Other tasks have their turn.
    Yield,
    /// The server shuts down.
    Stopped,
    /// The client is gone.
    Gone,
}

impl Session {
    /// Handles the requests, to the end of the stream.
    pub(super) async fn run(self, mut requests: Messages) {
        let mut work = Work::default();
        if let Err(status) = self.take_in(&mut requests, &mut work).await {
            // Nobody waits for what is left.
            work.abandon();
            let is_unread = status.code() == Code::ResourceExhausted;
            self.end.set(status.clone());
            if is_unread {
                // A client that does not read would have its replies kept for ever.
                let _ = self.queue.fail(&status);
            }
        }
        self.queue.close();
    }

    /// Takes requests in and has them handled, until there are no more and all are.
    ///
    /// # Errors
    ///
    /// Why the stream ends before.
    async fn take_in(&self, requests: &mut Messages, work: &mut Work) -> Result<(), Status> {
        let mut end = pin!(self.next_end(true));
        let mut has_yielded = false;
        loop {
            let pause = poll_fn(|cx| {
                // While there is always something to do, it is between the turns that the end is looked for.
                if std::mem::take(&mut has_yielded)
                    && let Poll::Ready(end) = end.as_mut().poll(cx)
                {
                    return Poll::Ready(Ok(end));
                }
                match self.poll(requests, work, cx) {
                    Poll::Pending => end.as_mut().poll(cx).map(Ok),
                    ready => ready,
                }
            });
            match pause.await? {
                Pause::Done => return Ok(()),
                Pause::Yield => {
                    tokio::task::yield_now().await;
                    has_yielded = true;
                }
                Pause::Stopped => {
                    work.closed = true;
                    end.set(self.next_end(false));
                    self.refuse(std::mem::take(&mut work.backlog))?;
                }
                Pause::Gone => return Err(Status::cancelled("the client is gone")),
            }
        }
    }

    /// What ends the stream from outside, at last if the server is to stop.
    async fn next_end(&self, may_stop: bool) -> Pause {
        tokio::select! {
            biased;
            () = self.gone.cancelled() => Pause::Gone,
            () = self.stop.cancelled(), if may_stop => Pause::Stopped,
        }
    }

    /// Goes on with the handlers and the requests.
    fn poll(
        &self,
        requests: &mut Messages,
        work: &mut Work,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<Pause, Status>> {
        for _ in 0..STEPS {
            if let Poll::Ready(outcome) = work.poll_handlers(&self.limits, cx) {
                outcome?;
            } else if work.has_turn(&self.limits)
                && let Some(waiting) = work.backlog.pop()
            {
                let payload = Payload::whole(&waiting.payload);
                self.begin(waiting.request, payload, work)?;
            } else if work.is_done() {
                return Poll::Ready(Ok(Pause::Done));
            } else if work.closed || !work.backlog.has_room(&self.limits) {
                return Poll::Pending;
            } else if let Some(received) = requests.next()? {
                self.sort(received, work)?;
            } else {
                work.closed = !ready!(requests.poll_more(cx))?;
            }
        }
        Poll::Ready(Ok(Pause::Yield))
    }

    /// Answers requests that have not begun when the server stops.
    fn refuse(&self, mut backlog: Backlog) -> Result<(), Status> {
        let status = Status::unavailable("the server is shutting down");
        while let Some(Waiting { request, .. }) = backlog.pop() {
            let method = match &request.callee {
                Callee::Method(index) => MethodName::Of(self.methods.at(*index).0),
                Callee::Unknown(name) => MethodName::Received(name),
            };
            self.fail(request.number, method, &status)?;
        }
        Ok(())
    }

    /// Takes in what the client says.
    fn sort(&self, received: Received<'_>, work: &mut Work) -> Result<(), Status> {
        match received {
            Received::Message(message) if self.is_cancel(&message) => work.cancel(message.number()),
            // No call of the server's waits for it.
            Received::Message(message) if self.is_reply(&message) => {}
            Received::Message(message) => self.take(message, work)?,
            Received::TooLarge(request, status) => {
                let method = MethodName::Received(request.method());
                self.fail(request.number(), method, &status)?;
            }
            Received::Malformed(error) => {
                let text = format!("a message of the stream does not decode: {error}");
                return Err(Status::internal(text));
            }
        }
        Ok(())
    }

    fn is_cancel(&self, request: &StreamMessage<'_>) -> bool {
        self.extended && request.method().is_empty() && request.has(CANCEL)
    }

    /// Whether a message answers a call of the server's.
    fn is_reply(&self, message: &StreamMessage<'_>) -> bool {
        self.accepts_calls && message.number() & FROM_SERVER != 0
    }

    /// Begins to handle a request, or has it wait for its turn.
    fn take(&self, mut message: StreamMessage<'_>, work: &mut Work) -> Result<(), Status> {
        let name = message.method();
        // Most requests are of the same method as the one before.
        let callee = match self.methods.index(name, work.last_method) {
            Some(index) => {
                work.last_method = index;
                Callee::Method(index)
            }
            None => Callee::Unknown(name.into()),
        };
        let request = Request {
            number: message.number(),
            callee,
            entries: message.take_entries(),
        };
        let payload = message.payload();
        if work.has_turn(&self.limits) && work.backlog.is_empty() {
            return self.begin(request, payload, work);
        }
        work.backlog.push(Waiting {
            request,
            payload: payload.share(),
        });
        Ok(())
    }

    /// Begins to handle a request, whose turn it is.
    fn begin(&self, request: Request, payload: Payload<'_>, work: &mut Work) -> Result<(), Status> {
        let Request {
            number,
            callee,
            entries,
        } = request;
        let index = match callee {
            Callee::Method(index) => index,
            Callee::Unknown(name) => {
                let text = String::from_utf8_lossy(&name);
                let status = Status::unimplemented(format!("there is no method {text:?} here"));
                return self.fail(number, MethodName::Received(&name), &status);
            }
        };
        let (method, answering) = self.methods.at(index);
        let context = Context::on_stream(method, &self.peer, entries, work.context.take());
        if method.is_concurrent() {
            context.release();
        }
        let to = ReplyTo {
            number,
            method,
            queue: Arc::clone(&self.queue),
            extended: self.extended,
        };
        answering(context.clone(), payload, to, &mut work.handling);
        work.current = Some(Begun { number, context });
        Ok(())
    }

    /// Answers a request with an error.
    fn fail(&self, number: u64, method: MethodName<'_>, status: &Status) -> Result<(), Status> {
        let status = RpcStatus::of(status);
        let head = Head {
            number,
            method: Some(method),
            status: Some(&status),
            ..Head::default()
        };
        reply(&self.queue, &head.alone()?)
    }
}

/// The requests of a stream that are not answered yet.
#[derive(Default)]
struct Work {
    /// Those that wait for their turn.
    backlog: Backlog,
    /// The one whose turn it is.
    current: Option<Begun>,
    /// Its handler, or the memory for the next one.
    handling: Handling,
    /// The memory for the next one's context.
    context: Option<Context>,
    /// Those whose turn is over.
    released: JoinSet<(u64, Result<(), Status>)>,
    /// What these know of their calls.
    contexts: HashMap<u64, Context>,
    /// The index of the last request's method.
    last_method: usize,
    /// Whether no more requests are taken.
    closed: bool,
}

/// A call whose handler has begun.
struct Begun {
    number: u64,
    context: Context,
}

impl Work {
    /// Ready when one of the handlers has returned, or the one whose turn it is was released.
    fn poll_handlers(
        &mut self,
        limits: &StreamLimits,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Status>> {
        if let Some(begun) = &mut self.current {
            if let Poll::Ready(outcome) = self.handling.poll_unpin(cx) {
                let context = self.current.take().map(|begun| begun.context);
                self.context = context.and_then(Context::recycle);
                return Poll::Ready(outcome);
            }
            let may_release = self.released.len() + 1 < limits.handlers;
            if may_release && begun.context.poll_released(cx).is_ready() {
                self.release();
                return Poll::Ready(Ok(()));
            }
        }
        while !self.released.is_empty()
            && let Poll::Ready(Some(ended)) = self.released.poll_join_next(cx)
        {
            // One that was aborted has nothing to say.
            if let Ok((number, outcome)) = ended {
                self.contexts.remove(&number);
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    }

    /// Whether a request may begin to be handled.
    fn has_turn(&self, limits: &StreamLimits) -> bool {
        self.current.is_none() && self.released.len() < limits.handlers
    }

    /// Whether nothing is left to be handled, and nothing comes.
    fn is_done(&self) -> bool {
        self.closed && self.current.is_none() && self.backlog.is_empty() && self.released.is_empty()
    }

    /// Lets the handler whose turn it is go on beside the others.
    fn release(&mut self) {
        if let Some(Begun { number, context }) = self.current.take() {
            self.contexts.insert(number, context);
            let handling = std::mem::take(&mut self.handling);
            self.released
                .spawn(handling.map(move |outcome| (number, outcome)));
        }
    }

    /// Notes that the client has lost interest in a call.
    fn cancel(&mut self, number: u64) {
        let current = self.current.as_ref();
        match current.filter(|begun| begun.number == number) {
            Some(begun) => begun.context.abandon(),
            None => match self.contexts.get(&number) {
                Some(context) => context.abandon(),
                None => self.backlog.remove(number),
            },
        }
    }

    /// Lets the handlers run to their ends without anybody waiting for them.
    fn abandon(&mut self) {
        for context in self.contexts.values() {
            context.abandon();
        }
        self.released.detach_all();
        if let Some(begun) = self.current.take() {
            begun.context.abandon();
            tokio::spawn(std::mem::take(&mut self.handling));
        }
    }
}
