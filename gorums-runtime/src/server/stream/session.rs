//! One node stream, from its first request to its last.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::answering::ReplyTo;
use super::limits::StreamLimits;
use super::reply_body::End;
use super::service::Methods;
use crate::server::Context;
use crate::server::context::Turn;
use crate::server::peer::Peer;
use crate::stream::{
    CANCEL, Head, Item, Messages, MethodName, Queue, Received, RpcStatus, StreamMessage,
};

/// The bit that is set in the numbers of a server's calls, and clear in those of a client's.
const FROM_SERVER: u64 = 1 << 63;

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
    turn: Arc<Turn>,
    handling: BoxFuture<'static, Option<Bytes>>,
}

/// How the turn of a handler ends.
enum Ended {
    /// It has returned, with this reply.
    Replied(Option<Bytes>),
    /// It goes on beside the others.
    Released,
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
        let mut open = true;
        loop {
            while work.current.is_none()
                && work.released.len() < self.limits.handlers
                && let Some(request) = work.backlog.pop()
            {
                work.current = self.begin(request, work);
            }
            let idle = work.current.is_none()
                && work.backlog.requests.is_empty()
                && work.released.is_empty();
            if !open && idle {
                return None;
            }
            let may_release = work.released.len() + 1 < self.limits.handlers;
            tokio::select! {
                biased;
                () = self.gone.cancelled() => return Some(Status::cancelled("the client is gone")),
                turn = Work::turn(&mut work.current, may_release) => match turn {
                    Ended::Replied(reply) => {
                        if let Err(status) = self.reply(work.finish(), reply) {
                            return Some(status);
                        }
                    }
                    Ended::Released => work.release(),
                },
                Some(ended) = work.released.join_next() => {
                    let Ok((number, reply)) = ended else { continue };
                    if let Err(status) = self.reply(work.forget(number), reply) {
                        return Some(status);
                    }
                }
                () = self.stop.cancelled(), if open => {
                    open = false;
                    for request in std::mem::take(&mut work.backlog).requests {
                        let status = Status::unavailable("the server is shutting down");
                        if let Err(status) = self.fail(request.number, &request.method, &status) {
                            return Some(status);
                        }
                    }
                }
                request = requests.next(), if open && work.backlog.has_room(&self.limits) => match request {
                    Some(Ok(Received::Message(message))) => self.sort(message, work),
                    Some(Ok(Received::TooLarge { number, method, status })) => {
                        if let Err(status) = self.fail(number, &method, &status) {
                            return Some(status);
                        }
                    }
                    Some(Ok(Received::Malformed(error))) => {
                        return Some(Status::internal(format!("a message of the stream does not decode: {error}")));
                    }
                    Some(Err(status)) => return Some(status),
                    None => open = false,
                },
            }
        }
    }

    /// Takes in what the client says.
    fn sort(&self, message: StreamMessage, work: &mut Work) {
        if self.is_cancel(&message) {
            work.cancel(message.number);
        } else if !self.is_reply(&message) {
            work.backlog.push(message);
        }
        // No call of the server's waits for a reply.
    }

    fn is_cancel(&self, request: &StreamMessage) -> bool {
        self.extended && request.method.is_empty() && request.has(CANCEL)
    }

    /// Whether a message answers a call of the server's.
    fn is_reply(&self, message: &StreamMessage) -> bool {
        self.accepts_calls && message.number & FROM_SERVER != 0
    }

    /// Begins to handle a request. One that no method takes is answered at once.
    fn begin(&self, request: StreamMessage, work: &mut Work) -> Option<Begun> {
        let Some((method, answering)) = self.methods.get(&*request.method) else {
            let name = String::from_utf8_lossy(&request.method);
            let status = Status::unimplemented(format!("there is no method {name:?} here"));
            // If the client does not read, the next reply finds out, too.
            let _ = self.fail(request.number, &request.method, &status);
            return None;
        };
        let number = request.number;
        let turn = Arc::new(Turn::default());
        let peer = Arc::clone(&self.peer);
        let context = Context::on_stream(*method, peer, request.entries, Arc::clone(&turn));
        if method.is_concurrent() {
            context.release();
        }
        let to = ReplyTo {
            number,
            method: *method,
            queue: Arc::clone(&self.queue),
            extended: self.extended,
        };
        work.contexts.insert(number, context.clone());
        Some(Begun {
            number,
            handling: answering(context, request.payload, to),
            turn,
        })
    }

    /// Sends a reply, unless its call was withdrawn. An error when the client does not read.
    fn reply(&self, context: Option<Context>, reply: Option<Bytes>) -> Result<(), Status> {
        let withdrawn = context.is_some_and(|context| context.is_abandoned());
        match reply {
            Some(frame) if !withdrawn => self.send(frame),
            _ => Ok(()),
        }
    }

    /// Answers a request with an error.
    fn fail(&self, number: u64, method: &[u8], status: &Status) -> Result<(), Status> {
        let status = RpcStatus::of(status);
        let head = Head {
            number,
            method: Some(MethodName::Received(method)),
            status: Some(&status),
            ..Head::default()
        };
        self.send(head.alone()?)
    }

    fn send(&self, frame: Bytes) -> Result<(), Status> {
        let item = Item::other(frame);
        self.queue.push(item).map_err(|_| {
            Status::resource_exhausted("the client does not read its replies, or not fast enough")
        })
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
    released: JoinSet<(u64, Option<Bytes>)>,
    /// What the handlers that have begun know of their calls.
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
        self.bytes += request.payload.len();
        self.requests.push_back(request);
    }

    fn pop(&mut self) -> Option<StreamMessage> {
        let request = self.requests.pop_front()?;
        self.bytes -= request.payload.len();
        Some(request)
    }

    fn remove(&mut self, number: u64) {
        // Calls are mostly withdrawn in the order in which they were made: it is one of the first.
        let mut requests = self.requests.iter();
        let index = requests.position(|request| request.number == number);
        if let Some(request) = index.and_then(|index| self.requests.remove(index)) {
            self.bytes -= request.payload.len();
        }
    }
}

impl Work {
    /// How the turn of the handler whose turn it is ends; pending if there is none.
    async fn turn(current: &mut Option<Begun>, may_release: bool) -> Ended {
        let Some(begun) = current else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            reply = &mut begun.handling => Ended::Replied(reply),
            () = begun.turn.over(), if may_release => Ended::Released,
        }
    }

    /// Lets the handler whose turn it is go on beside the others.
    fn release(&mut self) {
        if let Some(begun) = self.current.take() {
            let number = begun.number;
            self.released
                .spawn(begun.handling.map(move |reply| (number, reply)));
        }
    }

    /// Ends the turn of a handler that has returned.
    fn finish(&mut self) -> Option<Context> {
        let begun = self.current.take()?;
        self.forget(begun.number)
    }

    fn forget(&mut self, number: u64) -> Option<Context> {
        self.contexts.remove(&number)
    }

    /// Notes that the client has lost interest in a call.
    fn cancel(&mut self, number: u64) {
        match self.contexts.get(&number) {
            Some(context) => context.abandon(),
            None => self.backlog.remove(number),
        }
    }

    /// Lets the handlers run to their ends without anybody waiting for them.
    fn abandon(&mut self) {
        for context in self.contexts.values() {
            context.abandon();
        }
        self.released.detach_all();
        if let Some(begun) = self.current.take() {
            tokio::spawn(begun.handling);
        }
    }
}
