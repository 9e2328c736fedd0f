//! The stream to one node.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderValue, Method, Request, Uri, Version};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::arrival::Arrival;
use super::calls::Calls;
use super::cancellations::Cancellations;
use super::ending::{Ending, Lesson, broken};
use super::inbox::Delivery;
use super::refusals::Refusals;
use super::silence;
use super::silence::Silence;
use super::stragglers::{Straggler, Stragglers};
use crate::call::Deadline;
use crate::connection::{Backoff, Link};
use crate::node_info::NodeInfo;
use crate::wire::{
    CANCEL, CLIENT, CallNumber, Capacity, ClientId, END, EXTENSIONS, Frame, Head, IsFirst,
    KEEP_ALIVE, Messages, Owner, PATH, Queue, QueueBody, Received, STREAM, StreamMessage,
    StreamNumber,
};
use crate::{status, telemetry};

/// How many bytes a message has besides its reply, at most.
const ENVELOPE: usize = 64 * 1024;

/// How often more is read in one go before other tasks have their turn.
const READS: u32 = 64;

/// The node stream to one node: opened when it is first needed, kept, and opened anew when it is needed after it broke.
pub(crate) struct NodeStream(Arc<StreamState>);

struct StreamState {
    /// What is known of the node.
    info: Arc<NodeInfo>,
    link: Link,
    /// How the client names itself to the node. None if there are no random numbers.
    client: Option<ClientId>,
    calls: Calls,
    queue: Arc<Queue>,
    stragglers: Stragglers,
    refusals: Refusals,
    backoff: Backoff,
    cancellations: Cancellations,
    /// How long the node may be silent, as it agreed when the latest stream was opened.
    patience: Mutex<Option<Duration>>,
    failures: Mutex<Failures>,
    /// Whether there are any, for a look that takes no lock.
    fails: AtomicBool,
}

/// The streams that could not be opened since the last that could.
#[derive(Default)]
struct Failures {
    count: u32,
    /// Why the last could not be, and when the next may be.
    last: Option<(Status, Instant)>,
}

impl NodeStream {
    /// The stream to the node of `info`, over `link`, for the requests of `calls`. At most `queue` is enqueued, and at
    /// most `stragglers` decided calls go on.
    pub(crate) fn new(
        info: Arc<NodeInfo>,
        link: Link,
        calls: Calls,
        queue: Capacity,
        stragglers: usize,
        backoff: Backoff,
    ) -> Self {
        Self(Arc::new(StreamState {
            info,
            link,
            client: ClientId::random(),
            queue: Arc::new(Queue::with_numbers(queue, calls.streams().clone())),
            calls,
            stragglers: Stragglers::new(stragglers),
            refusals: Refusals::default(),
            backoff,
            cancellations: Cancellations::new(),
            patience: Mutex::default(),
            failures: Mutex::default(),
            fails: AtomicBool::new(false),
        }))
    }

    /// The calls that wait for replies, of this node and the others of its manager.
    pub(crate) fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// Puts a message on the stream, unless the queue is full.
    pub(crate) fn send(&self, frame: &Frame, owner: Owner<'_>) -> Result<(), Status> {
        self.0.check()?;
        let is_first = self.0.queue.push(frame, owner);
        self.0.drive_if(is_first.map_err(|_| self.0.full())?);
        Ok(())
    }

    /// Whether the queue has room for a message of this size.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.0.queue.has_room(bytes)
    }

    /// Puts a message on the stream once there is room in the queue.
    pub(crate) async fn send_when_room(
        &self,
        frame: Frame,
        owner: Owner<'_>,
    ) -> Result<(), Status> {
        self.0.check()?;
        let is_first = self.0.queue.push_when_room(frame, owner).await;
        self.0.drive_if(is_first);
        Ok(())
    }

    /// Withdraws the message with this number, if it is in the queue.
    pub(crate) fn withdraw(&self, number: CallNumber) {
        self.0.queue.withdraw(number);
    }

    /// Observes a call that goes on without its caller. Returns the call that is to be withdrawn in its stead.
    pub(crate) fn let_go(&self, call: Straggler) -> Option<CallNumber> {
        let pushed = self.0.stragglers.push(call);
        if pushed.wait {
            let link = Arc::clone(&self.0);
            self.0
                .info
                .tasks
                .spawn(async move { link.wait_for_deadlines().await });
        }
        pushed.withdrawn
    }

    /// Tells the node that nobody waits for a call any more.
    pub(crate) fn cancel(&self, number: CallNumber) {
        self.0.cancel(number);
    }
}

impl Drop for NodeStream {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

impl StreamState {
    /// An error while it is too early to open the stream after it could not be.
    fn check(&self) -> Result<(), Status> {
        if !self.fails.load(Ordering::Acquire) {
            return Ok(());
        }
        match &self.lock().last {
            Some((status, until)) if Instant::now() < *until => Err(status.clone()),
            _ => Ok(()),
        }
    }

    fn full(&self) -> Status {
        Status::resource_exhausted(
            "the queue of the node's stream is full; the node does not read, or not fast enough",
        )
    }

    /// Has the stream opened, if there is a first message for it.
    fn drive_if(self: &Arc<Self>, is_first: IsFirst) {
        if !is_first.0 {
            return;
        }
        let running = StreamTask {
            link: Arc::clone(self),
            ended: false,
        };
        self.info.tasks.spawn(running.run());
    }

    /// Opens the stream and takes replies in until it ends.
    async fn stream(&self) -> Ending {
        let stream = self.queue.stream();
        let start = Instant::now();
        let (mut messages, mut silence) = match self.open(stream).await {
            Ok(opened) => opened,
            Err(ending) => return ending,
        };
        let opened = self.queue.opened().unwrap_or(start);
        self.info.observations.open(opened - start);
        let (mut was_of_use, mut reads) = (false, 0);
        let status = loop {
            let more = poll_fn(|cx| match messages.poll_more(cx) {
                Poll::Pending => silence.poll(messages.came(), cx).map(|status| {
                    // Another stream on the same connection would hear as little.
                    self.link.give_up();
                    Err(status)
                }),
                more => more,
            });
            match more.await {
                Ok(true) => {}
                Ok(false) => break Status::unavailable("the node ended the stream"),
                Err(status) => break self.broken(status),
            }
            if let Err(status) = self.take_in(&mut messages, stream, opened, &mut was_of_use) {
                break self.broken(status);
            }
            reads += 1;
            if reads % READS == 0 {
                // A node that sends without end is not to keep a thread to itself.
                tokio::task::yield_now().await;
            }
        };
        // One-way calls are not answered: a stream that only they were on was of use if it lasted.
        let lesson = match was_of_use || opened.elapsed() >= self.backoff.initial() {
            true => Lesson::Works,
            false => Lesson::Fails,
        };
        Ending { status, lesson }
    }

    /// Takes in the messages that have come. Notes whether the stream is of use: there was a reply among them.
    fn take_in(
        &self,
        messages: &mut Messages,
        stream: StreamNumber,
        opened: Instant,
        of_use: &mut bool,
    ) -> Result<(), Status> {
        let arrival = Arrival {
            stream,
            opened,
            at: messages.came(),
        };
        while let Some(received) = messages.next()? {
            match received {
                Received::Message(message) => {
                    *of_use = true;
                    self.deliver(message, &arrival);
                }
                Received::TooLarge(message, status) => {
                    let number = CallNumber::received(message.number());
                    self.deliver(message.failed(&status), &arrival);
                    // A node that streams its replies would go on.
                    if let Some(number) = number {
                        self.cancel(number);
                    }
                }
                Received::Malformed(_) => self.calls.ignore(),
            }
        }
        Ok(())
    }

    fn broken(&self, status: Status) -> Status {
        broken(self.link.normalise(status, Deadline::none()))
    }

    async fn open(&self, stream: StreamNumber) -> Result<(Messages, Silence), Ending> {
        let mut channel = self.link.channel();
        let channel = channel.ready().await.map_err(|error| Ending {
            status: status::unavailable(error.into()),
            lesson: Lesson::None,
        })?;
        let body = QueueBody::new(Arc::clone(&self.queue), stream);
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from_static(PATH);
        let headers = request.headers_mut();
        headers.clone_from(&self.info.messages.metadata);
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(EXTENSIONS, HeaderValue::from_static("1"));
        if let Some(client) = &self.client {
            headers.insert(CLIENT, client.header());
            headers.insert(STREAM, HeaderValue::from(stream.get()));
        }
        if let Some(keep_alive) = self.info.messages.stream_keep_alive.and_then(silence::ask) {
            headers.insert(KEEP_ALIVE, keep_alive);
        }
        let response = self
            .heard(channel.call(request))
            .await
            .and_then(|response| response.map_err(|error| Status::from_error(error.into())));
        let response = response.map_err(|status| self.refused(status))?;
        let (head, body) = response.into_parts();
        let failure = status::failure(&head.headers).or_else(|| status::of_http(head.status));
        if let Some(status) = failure {
            return Err(self.refused(status));
        }
        let extended = head.headers.contains_key(EXTENSIONS);
        for number in self.cancellations.open(stream, extended) {
            self.tell_cancelled(stream, number);
        }
        let most = self.info.messages.max_reply_size.saturating_add(ENVELOPE);
        let silence = Silence::agreed(&head.headers);
        *self.patience() = silence.longest();
        Ok((Messages::new(body, most), silence))
    }

    /// Waits for the node to open a stream: as long as it may be silent, if it has agreed to that before. Others may send
    /// nothing until they have a reply to send.
    async fn heard<T>(&self, opened: impl Future<Output = T>) -> Result<T, Status> {
        let longest = *self.patience();
        let Some(longest) = longest else {
            return Ok(opened.await);
        };
        tokio::time::timeout(longest, opened).await.map_err(|_| {
            self.link.give_up();
            Status::unavailable(format!("the node did not open a stream within {longest:?}"))
        })
    }

    fn patience(&self) -> MutexGuard<'_, Option<Duration>> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a stream that was not opened.
    fn refused(&self, status: Status) -> Ending {
        Ending {
            // The connection has a backoff of its own.
            lesson: match status::could_not_connect(&status) {
                true => Lesson::None,
                false => Lesson::Fails,
            },
            status: self.broken(status),
        }
    }

    fn deliver(&self, message: StreamMessage<'_>, arrival: &Arrival) {
        let number = CallNumber::received(message.number());
        match self
            .calls
            .deliver(message, arrival, &self.info.observations)
        {
            Delivery::Taken => {}
            Delivery::Ignored(message) if message.has(KEEP_ALIVE) => {}
            Delivery::Ignored(message) => {
                self.calls.ignore();
                if let Some(number) = number {
                    self.observe(number, &message, arrival);
                }
            }
            Delivery::Overflow => {
                if let Some(number) = number {
                    self.cancel(number);
                }
            }
        }
    }

    /// Takes in what a message that nobody waits for shows of the node.
    fn observe(&self, number: CallNumber, message: &StreamMessage<'_>, arrival: &Arrival) {
        let failure = message.failure();
        if let Some(index) = number.one_way_index() {
            if let Some(status) = failure
                && self.refusals.note(index, self.calls.one_way_calls())
            {
                self.info.fail(arrival.at, status);
            }
            return;
        }
        let is_last = failure.is_some() || message.has(END);
        let Some(call) = self.stragglers.answered(number, is_last) else {
            return;
        };
        let latency = arrival.latency(call.sent);
        if failure.is_none() && !call.streams_replies {
            self.info.observations.measure(latency);
        }
        match failure {
            Some(status) => drop(self.info.fail(call.sent, status)),
            None => telemetry::replied(&self.info.address, || latency),
        }
    }

    /// Has calls that go on fail at their deadlines, until none has one.
    async fn wait_for_deadlines(&self) {
        while let Some(late) = self.stragglers.next_late().await {
            for call in late {
                self.info.fail(call.sent, Deadline::exceeded());
                self.cancel(call.number);
            }
        }
    }

    /// Tells the node that nobody waits for a call any more, if it understands that.
    fn cancel(&self, number: CallNumber) {
        self.queue.withdraw(number);
        if let Some(stream) = self.cancellations.are_told(number) {
            self.tell_cancelled(stream, number);
        }
    }

    fn tell_cancelled(&self, stream: StreamNumber, number: CallNumber) {
        let cancel = Head {
            number: number.get(),
            entry: Some((CANCEL, "")),
            ..Head::default()
        };
        // There is nothing in it that could be too large.
        if let Ok(frame) = cancel.alone() {
            self.queue.push_notice(stream, &frame);
        }
    }

    /// Fails what was on the stream that has ended. What is sent from now on opens the next.
    fn break_off(self: &Arc<Self>, ending: &Ending) {
        match ending.lesson {
            Lesson::None => {}
            Lesson::Works => {
                *self.lock() = Failures::default();
                self.fails.store(false, Ordering::Release);
            }
            Lesson::Fails => {
                let mut failures = self.lock();
                failures.count = failures.count.saturating_add(1);
                let until = Instant::now() + self.backoff.delay(failures.count);
                failures.last = Some((ending.status.clone(), until));
                self.fails.store(true, Ordering::Release);
            }
        }
        self.cancellations.close();
        let (stream, is_first) = self.queue.fail(&ending.status);
        self.calls.lose(stream, &ending.status);
        for call in self.stragglers.lose(stream) {
            self.info.fail(call.sent, ending.status.clone());
        }
        self.drive_if(is_first);
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that opens a stream, and goes on until it ends.
struct StreamTask {
    link: Arc<StreamState>,
    ended: bool,
}

impl StreamTask {
    async fn run(mut self) {
        let ending = match self.link.check() {
            Ok(()) => self.link.stream().await,
            Err(status) => Ending {
                status,
                lesson: Lesson::None,
            },
        };
        self.ended = true;
        self.link.break_off(&ending);
    }
}

impl Drop for StreamTask {
    fn drop(&mut self) {
        if !self.ended {
            self.link.break_off(&Ending {
                status: Status::unavailable("the manager is closed"),
                lesson: Lesson::None,
            });
        }
    }
}

impl fmt::Debug for NodeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeStream")
            .field(&self.0.info.address.id)
            .finish()
    }
}
