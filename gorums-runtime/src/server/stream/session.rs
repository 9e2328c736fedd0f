//! One node stream, from its first request to its last.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::answering::{ReplyTo, reply};
use super::limits::StreamLimits;
use super::methods::Methods;
use super::reply_body::End;
use crate::server::Context;
use crate::server::peer::Peer;
use crate::stream::{
    CANCEL, Head, Messages, MethodName, Queue, Received, RpcStatus, StreamMessage,
};

/// The bit that is set in the numbers of a server's calls, and clear in those of a client's.
const FROM_SERVER: u64 = 1 << 63;

/// How many events of one stream are taken in before other tasks have their turn.
const BATCH: u32 = 128;

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

/// A call whose handler has begun.
struct Begun {
    number: u64,
    context: Context,
    handling: BoxFuture<'static, Result<(), Status>>,
}

/// What happens next on a stream.
enum Event {
    /// The handler whose turn it is has returned.
    Replied(Result<(), Status>),
    /// It goes on beside the others.
    Released,
    /// One of the others has returned.
    Ended(u64, Result<(), Status>),
    /// The client has said something; none when it says no more.
    Received(Option<Result<Received, Status>>),
    /// The server shuts down.
    Stopped,
    /// The client is gone.
    Gone,
}

impl Session {
    /// Handles the requests, to the end of the stream.
    pub(super) async fn run(self, mut requests: Messages) {
        let mut work = Work::default();
        if let Some(status) = self.take_in(&mut requests, &mut work).await {
            // Nobody waits for what is left.
            work.abandon();
            if status.code() == Code::ResourceExhausted {
                // A client that does not read would have its replies kept for ever.
                self.queue.fail(&status);
            }
            self.end.set(status);
        }
        self.queue.close();
    }

    /// Takes requests in and has them handled, until there are no more and all are. Otherwise the status says why the
    /// stream ends before.
    async fn take_in(&self, requests: &mut Messages, work: &mut Work) -> Option<Status> {
        let mut end = pin!(self.next_end(true));
        let mut open = true;
        let mut events = 0_u32;
        loop {
            while work.current.is_none()
                && work.released.len() < self.limits.handlers
                && let Some(request) = work.backlog.pop()
            {
                work.current = self.begin(request);
            }
            if !open && work.is_done() {
                return None;
            }
            // What has come is handled without a look at anything else, within bounds.
            events = events.wrapping_add(1);
            let look_up = events.is_multiple_of(BATCH);
            if look_up {
                tokio::task::yield_now().await;
            }
            let next = poll_fn(|cx| {
                if look_up && let Poll::Ready(end) = end.as_mut().poll(cx) {
                    return Poll::Ready(end);
                }
                match work.poll(requests, open, &self.limits, cx) {
                    Poll::Pending => end.as_mut().poll(cx),
                    ready => ready,
                }
            });
            let outcome = match next.await {
                Event::Replied(outcome) => {
                    work.current = None;
                    outcome
                }
                Event::Released => {
                    work.release();
                    Ok(())
                }
                Event::Ended(number, outcome) => {
                    work.contexts.remove(&number);
                    outcome
                }
                Event::Received(Some(Ok(received))) => self.sort(received, work),
                Event::Received(Some(Err(status))) => Err(status),
                Event::Received(None) => {
                    open = false;
                    Ok(())
                }
                Event::Stopped => {
                    open = false;
                    end.set(self.next_end(false));
                    self.refuse(std::mem::take(&mut work.backlog))
                }
                Event::Gone => Err(Status::cancelled("the client is gone")),
            };
            if let Err(status) = outcome {
                return Some(status);
            }
        }
    }

    /// What ends the stream from outside, at last if the server is to stop.
    async fn next_end(&self, may_stop: bool) -> Event {
        tokio::select! {
            biased;
            () = self.gone.cancelled() => Event::Gone,
            () = self.stop.cancelled(), if may_stop => Event::Stopped,
        }
    }

    /// Answers requests that have not begun when the server stops.
    fn refuse(&self, backlog: Backlog) -> Result<(), Status> {
        let status = Status::unavailable("the server is shutting down");
        let mut requests = backlog.requests.iter();
        requests.try_for_each(|request| self.fail(request, &status))
    }

    /// Takes in what the client says.
    fn sort(&self, received: Received, work: &mut Work) -> Result<(), Status> {
        match received {
            Received::Message(message) if self.is_cancel(&message) => work.cancel(message.number()),
            // No call of the server's waits for it.
            Received::Message(message) if self.is_reply(&message) => {}
            Received::Message(message) => work.backlog.push(message),
            Received::TooLarge(request, status) => self.fail(&request, &status)?,
            Received::Malformed(error) => {
                let text = format!("a message of the stream does not decode: {error}");
                return Err(Status::internal(text));
            }
        }
        Ok(())
    }

    fn is_cancel(&self, request: &StreamMessage) -> bool {
        self.extended && request.method().is_empty() && request.has(CANCEL)
    }

    /// Whether a message answers a call of the server's.
    fn is_reply(&self, message: &StreamMessage) -> bool {
        self.accepts_calls && message.number() & FROM_SERVER != 0
    }

    /// Begins to handle a request. One that no method takes is answered at once.
    fn begin(&self, mut request: StreamMessage) -> Option<Begun> {
        let Some((method, answering)) = self.methods.get(request.method()) else {
            let name = String::from_utf8_lossy(request.method());
            let status = Status::unimplemented(format!("there is no method {name:?} here"));
            // If the client does not read, the next reply finds out, too.
            let _ = self.fail(&request, &status);
            return None;
        };
        let number = request.number();
        let context = Context::on_stream(method, Arc::clone(&self.peer), request.take_entries());
        if method.is_concurrent() {
            context.release();
        }
        let to = ReplyTo {
            number,
            method,
            queue: Arc::clone(&self.queue),
            extended: self.extended,
        };
        Some(Begun {
            number,
            handling: answering(context.clone(), request.into_payload(), to),
            context,
        })
    }

    /// Answers a request with an error.
    fn fail(&self, request: &StreamMessage, status: &Status) -> Result<(), Status> {
        let status = RpcStatus::of(status);
        let head = Head {
            number: request.number(),
            method: Some(MethodName::Received(request.method())),
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
    /// Those whose turn is over.
    released: JoinSet<(u64, Result<(), Status>)>,
    /// What these know of their calls.
    contexts: HashMap<u64, Context>,
}

/// Requests that wait for their turn.
#[derive(Default)]
struct Backlog {
    requests: VecDeque<StreamMessage>,
    bytes: usize,
}

impl Backlog {
    fn has_room(&self, limits: &StreamLimits) -> bool {
        self.requests.len() < limits.backlog && self.bytes < limits.backlog_bytes
    }

    fn push(&mut self, request: StreamMessage) {
        self.bytes += request.size();
        self.requests.push_back(request);
    }

    fn pop(&mut self) -> Option<StreamMessage> {
        let request = self.requests.pop_front()?;
        self.bytes -= request.size();
        Some(request)
    }

    fn remove(&mut self, number: u64) {
        // Calls are mostly withdrawn in the order in which they were made: it is one of the first.
        let mut requests = self.requests.iter();
        let index = requests.position(|request| request.number() == number);
        if let Some(request) = index.and_then(|index| self.requests.remove(index)) {
            self.bytes -= request.size();
        }
    }
}

impl Work {
    /// What happens next with the handlers and the requests.
    fn poll(
        &mut self,
        requests: &mut Messages,
        open: bool,
        limits: &StreamLimits,
        cx: &mut task::Context<'_>,
    ) -> Poll<Event> {
        if let Some(Begun {
            handling, context, ..
        }) = &mut self.current
        {
            if let Poll::Ready(outcome) = handling.poll_unpin(cx) {
                return Poll::Ready(Event::Replied(outcome));
            }
            let may_release = self.released.len() + 1 < limits.handlers;
            if may_release && context.poll_released(cx).is_ready() {
                return Poll::Ready(Event::Released);
            }
        }
        while let Poll::Ready(Some(ended)) = self.released.poll_join_next(cx) {
            // One that was aborted has nothing to say.
            if let Ok((number, outcome)) = ended {
                return Poll::Ready(Event::Ended(number, outcome));
            }
        }
        match open && self.backlog.has_room(limits) {
            true => requests.poll_next_unpin(cx).map(Event::Received),
            false => Poll::Pending,
        }
    }

    /// Whether nothing is left to be handled.
    fn is_done(&self) -> bool {
        self.current.is_none() && self.backlog.requests.is_empty() && self.released.is_empty()
    }

    /// Lets the handler whose turn it is go on beside the others.
    fn release(&mut self) {
        if let Some(begun) = self.current.take() {
            let number = begun.number;
            self.contexts.insert(number, begun.context);
            self.released
                .spawn(begun.handling.map(move |outcome| (number, outcome)));
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
            tokio::spawn(begun.handling);
        }
    }
}
