//! Handles the requests of one node stream.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::backlog::{Backlog, Callee, Request, Waiting};
use super::methods::{Callable, Methods};
use super::named_clients::StreamPlace;
use super::reply_body::End;
use super::work::Work;
use crate::call::{MessageSize, MethodDescriptor};
use crate::clients::ConnectedClient;
use crate::metrics::{HandlerMeter, ServerMeter, WaitTimer};
use crate::server::handler::{
    Claim, Context, Framing, Interceptors, Peer, PeerBacklog, ReplyTo, StreamLimits, UNKNOWN,
    panicked_at_once, reply,
};
use crate::support::{Panicked, guarded};
use crate::wire::{
    CANCEL, FROM_SERVER, HELD_TURN, Head, Messages, MetadataEntry, MethodName, Payload, Queue,
    Received, RpcStatus, StreamMessage,
};

/// How much of an unknown method's name the error text shows, in bytes.
const NAME_SHOWN: usize = 256;

/// How many steps a stream makes before it yields to other tasks. Most requests take two.
const STEPS: u32 = 256;

/// Handles the requests of one node stream in the order of their arrival. The next request begins when the handler
/// before has returned or called `release`.
pub(super) struct Session {
    pub(super) methods: Arc<Methods>,
    pub(super) limits: StreamLimits,
    /// The bytes of the requests that wait on all streams of the peer.
    pub(super) peer_backlog: PeerBacklog,
    pub(super) max_message_size: MessageSize,
    pub(super) interceptors: Option<Interceptors>,
    pub(super) meter: ServerMeter,
    pub(super) peer: Arc<Peer>,
    pub(super) extended: bool,
    /// Whether the client accepts calls from the server.
    pub(super) accepts_calls: bool,
    /// The stream's place among those of its client, if the client names itself.
    pub(super) membership: Option<Arc<StreamPlace>>,
    /// The client as a node, if it accepts calls and the server makes any.
    pub(super) client: Option<ConnectedClient>,
    /// The stream's claim to be that of the node whose id the client says, if it says one.
    pub(super) claim: Option<Claim>,
    pub(super) queue: Arc<Queue>,
    /// The status that the stream ends with.
    pub(super) end: End,
    /// Cancelled when the client has disconnected, stalled, or opened a newer stream.
    pub(super) gone: CancellationToken,
    /// Cancelled when the server shuts down.
    pub(super) stop: CancellationToken,
}

/// Why a stream stops working on its requests, for now or for good.
enum Pause {
    /// The client has ended the stream, and all requests are handled.
    Done,
    /// Other tasks get their turn.
    Yield,
    /// The server shuts down.
    Stopped,
    /// The client has disconnected or opened a newer stream.
    Gone,
}

impl Session {
    /// Handles the requests until the stream ends.
    pub(super) async fn run(self, mut requests: Messages) {
        let mut work = Work::new(self.peer_backlog.clone());
        // If something panics, the client still learns that its stream has ended.
        let outcome = AssertUnwindSafe(self.serve(&mut requests, &mut work)).catch_unwind();
        let outcome = outcome.await.unwrap_or_else(|payload| {
            let Panicked(message) = Panicked::with(&*payload);
            Err(Status::internal(format!("the stream panicked: {message}")))
        });
        self.meter.note_waiting(&mut work.noted, 0);
        if let Err(status) = outcome {
            // The client gets no more replies.
            work.abandon();
            let is_unread = matches!(status.code(), Code::ResourceExhausted | Code::Aborted);
            self.end.set(status.clone());
            if is_unread {
                // The client does not read, or has abandoned the stream: its replies would be kept for ever.
                let _ = self.queue.fail(&status);
            }
        }
        self.queue.close();
    }

    /// Waits for the stream's turn, and then handles the requests.
    ///
    /// # Errors
    ///
    /// Why the stream ends before the client ends it.
    async fn serve(&self, requests: &mut Messages, work: &mut Work) -> Result<(), Status> {
        if let Some(membership) = &self.membership {
            // The stream stays unread meanwhile, so that HTTP/2's flow control holds the client back.
            tokio::select! {
                biased;
                end = self.next_end(true) => return Err(match end {
                    Pause::Stopped => stopped(),
                    _ => self.gone(),
                }),
                turn = Arc::clone(membership).turn() => work.turn = Some(turn),
            }
        }
        self.take_in(requests, work).await
    }

    /// Reads requests and runs their handlers until there are no more.
    ///
    /// # Errors
    ///
    /// Why the stream ends before the client ends it.
    async fn take_in(&self, requests: &mut Messages, work: &mut Work) -> Result<(), Status> {
        let mut end = pin!(self.next_end(true));
        let mut has_yielded = false;
        loop {
            let pause = poll_fn(|cx| {
                // A busy stream never reaches the arm below that polls `end`, so check after each yield.
                if std::mem::take(&mut has_yielded)
                    && let Poll::Ready(end) = end.as_mut().poll(cx)
                {
                    return Poll::Ready(Ok(end));
                }
                let polled = self.poll(requests, work, cx);
                self.meter.note_waiting(&mut work.noted, work.backlog.len());
                match polled {
                    Poll::Pending => {
                        if let Some((number, method)) = work.watch_turn(cx) {
                            self.tell_who_has_the_turn(number, method);
                        }
                        end.as_mut().poll(cx).map(Ok)
                    }
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
                Pause::Gone => return Err(self.gone()),
            }
        }
    }

    /// Tells the client that its call `number` of `method` keeps its other calls waiting.
    fn tell_who_has_the_turn(&self, number: u64, method: &MethodDescriptor) {
        if !self.extended {
            return;
        }
        let value = format!("{number} {}", method.full_name());
        let head = Head {
            entry: Some((HELD_TURN, &value)),
            ..Head::default()
        };
        // The calls go on, whether the client is told or not.
        if let Ok(frame) = head.alone() {
            let _ = self.queue.push_reply(&frame);
        }
    }

    /// Waits for an end from outside. Does not look for a shutdown unless `may_stop`.
    async fn next_end(&self, may_stop: bool) -> Pause {
        tokio::select! {
            biased;
            () = self.gone.cancelled() => Pause::Gone,
            () = self.stop.cancelled(), if may_stop => Pause::Stopped,
        }
    }

    /// Why the client no longer waits for the stream.
    fn gone(&self) -> Status {
        if self
            .membership
            .as_ref()
            .is_some_and(|it| it.is_superseded())
        {
            return Status::aborted("a newer stream of the same client has taken this one's place");
        }
        let ended = self.claim.as_ref().and_then(Claim::end);
        ended.unwrap_or_else(|| Status::cancelled("the client has disconnected"))
    }

    /// Advances the handlers and reads requests, for up to `STEPS` steps.
    fn poll(
        &self,
        requests: &mut Messages,
        work: &mut Work,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<Pause, Status>> {
        work.burst.end();
        for _ in 0..STEPS {
            if let Poll::Ready(outcome) = work.poll_handlers(&self.limits, cx) {
                outcome?;
            } else if self.queue.poll_room(cx).is_pending() {
                // Back-pressure: a client that does not read its replies has to wait with its requests.
                return match work.is_done() {
                    true => Poll::Ready(Ok(Pause::Done)),
                    false => Poll::Pending,
                };
            } else if work.has_turn(&self.limits)
                && let Some(waiting) = work.backlog.pop()
            {
                let payload = Payload::whole(&waiting.payload);
                self.note_wait(&waiting);
                self.begin(waiting.request, payload, work)?;
            } else if work.is_done() {
                return Poll::Ready(Ok(Pause::Done));
            } else if work.closed || !work.backlog.make_room(&self.limits) {
                return Poll::Pending;
            } else if let Some(received) = requests.next()? {
                self.sort(received, work)?;
            } else {
                work.closed = !ready!(requests.poll_more(cx))?;
                work.burst.end();
            }
        }
        Poll::Ready(Ok(Pause::Yield))
    }

    /// Refuses the requests that wait when the server shuts down.
    fn refuse(&self, mut backlog: Backlog) -> Result<(), Status> {
        let status = stopped();
        while let Some(Waiting { request, .. }) = backlog.pop() {
            let method = match &request.callee {
                Callee::Method(index) => MethodName::Of(self.methods.at(*index).method),
                Callee::Unknown(name) => MethodName::Received(name),
            };
            self.fail(request.number, method, &status)?;
        }
        Ok(())
    }

    /// Acts on one message from the client.
    fn sort(&self, received: Received<'_>, work: &mut Work) -> Result<(), Status> {
        match received {
            Received::Message(message) if self.is_cancel(&message) => work.cancel(message.number()),
            Received::Message(message) if self.is_reply(&message) => {
                // Otherwise no call of the server waits for it.
                if let Some(client) = &self.client {
                    client.deliver(message);
                }
            }
            Received::Message(message) => self.take(message, work)?,
            Received::TooLarge(reply, bytes) if self.is_reply(&reply) => {
                if let Some(client) = &self.client {
                    let number = reply.number();
                    let status = self.max_message_size.exceeded("reply", bytes);
                    client.deliver(reply.failed(&status));
                    client.cancel(number);
                }
            }
            Received::TooLarge(request, bytes) => {
                let status = self.max_message_size.exceeded("request", bytes);
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

    /// Whether a message answers a call of the server.
    fn is_reply(&self, message: &StreamMessage<'_>) -> bool {
        self.accepts_calls && message.number() & FROM_SERVER != 0
    }

    /// Begins to handle a request, or puts it into the backlog.
    fn take(&self, mut message: StreamMessage<'_>, work: &mut Work) -> Result<(), Status> {
        let name = message.method();
        if let Some(excess) = message.excess() {
            return self.fail(message.number(), MethodName::Received(name), &excess);
        }
        // Most requests call the same method as the one before.
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
        let timer = match request.callee {
            Callee::Method(index) if self.meter.is_on() => self.methods.at(index).meter.wait(),
            _ => WaitTimer::default(),
        };
        work.backlog.push(Waiting::new(request, payload, timer));
        Ok(())
    }

    /// Measures how long a request has waited.
    #[inline]
    fn note_wait(&self, waiting: &Waiting) {
        if self.meter.is_on()
            && let Callee::Method(index) = waiting.request.callee
        {
            self.methods.at(index).meter.waited(&waiting.timer);
        }
    }

    /// Begins to handle a request whose turn it is.
    fn begin(&self, request: Request, payload: Payload<'_>, work: &mut Work) -> Result<(), Status> {
        let Request {
            number,
            callee,
            entries,
        } = request;
        let index = match callee {
            Callee::Method(index) => index,
            Callee::Unknown(name) => {
                return self.refuse_unknown(number, &name, entries, work);
            }
        };
        let Callable {
            method,
            answering,
            timeout,
            meter,
            ..
        } = self.methods.at(index);
        let reply_to = || ReplyTo {
            queue: Arc::clone(&self.queue),
            extended: self.extended,
            timeout: *timeout,
            framing: Framing {
                number,
                method,
                max_message_size: self.max_message_size,
            },
        };
        let size = payload.bytes().len();
        if let Err(status) = self.max_message_size.check("request", size) {
            meter.refuse(&status);
            return reply_to().refuse(status);
        }
        let spare = work.spare_context();
        let burst = &mut work.burst;
        let mut context = Context::on_stream(method, &self.peer, entries, spare, meter, burst);
        if let Some(timeout) = timeout {
            context.limit(*timeout);
        }
        if method.is_concurrent() {
            context.release();
        }
        let to = reply_to();
        let begun = work.begin(number, context, |context, handling| {
            answering(context, payload, to, self.interceptors.as_ref(), handling);
        });
        begun.or_else(|it| reply_to().refuse(panicked_at_once(method, &it)))
    }

    /// Answers a request for an unknown method with an error, which the interceptors see.
    fn refuse_unknown(
        &self,
        number: u64,
        name: &[u8],
        entries: Vec<MetadataEntry>,
        work: &mut Work,
    ) -> Result<(), Status> {
        let refusal = unknown(name);
        self.meter.refuse_unknown();
        let Some(interceptors) = self.interceptors.clone() else {
            return self.fail(number, MethodName::Received(name), &refusal);
        };
        let (spare, burst) = (work.spare_context(), &mut work.burst);
        let meter = HandlerMeter::default();
        let context = Context::on_stream(&UNKNOWN, &self.peer, entries, spare, &meter, burst);
        let (name, queue): (Box<[u8]>, _) = (name.into(), Arc::clone(&self.queue));
        let begun = work.begin(number, context, |context, handling| {
            let shown = slashed(&name);
            handling.set(async move {
                let refused = guarded(interceptors.refuse(context, shown, refusal)).await;
                let status = refused.unwrap_or_else(|it| panicked_at_once(&UNKNOWN, &it));
                fail(&queue, number, MethodName::Received(&name), &status)
            });
        });
        begun.map_err(|it| panicked_at_once(&UNKNOWN, &it))
    }

    /// Answers a request with an error.
    fn fail(&self, number: u64, method: MethodName<'_>, status: &Status) -> Result<(), Status> {
        fail(&self.queue, number, method, status)
    }
}

/// Answers a request with an error.
fn fail(queue: &Queue, number: u64, method: MethodName<'_>, status: &Status) -> Result<(), Status> {
    let status = RpcStatus::of(status);
    let head = Head {
        number,
        method: Some(method),
        status: Some(&status),
        ..Head::default()
    };
    reply(queue, &head.alone()?)
}

/// The name of an unknown method, as far as it is shown, with the slash that other names have.
fn slashed(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name.get(..NAME_SHOWN).unwrap_or(name));
    match name.rsplit_once('.') {
        Some((service, method)) => format!("{service}/{method}"),
        None => name.into_owned(),
    }
}

/// The status of requests that have not begun when the server shuts down.
fn stopped() -> Status {
    Status::unavailable("the server is shutting down")
}

/// The status of a call of an unknown method.
fn unknown(name: &[u8]) -> Status {
    // Bytes that are not UTF-8 take several times as many bytes in the text.
    let beginning = String::from_utf8_lossy(name.get(..NAME_SHOWN).unwrap_or(name));
    Status::unimplemented(format!("there is no method {beginning:?} here"))
}
