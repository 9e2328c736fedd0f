//! Runs the streams to one node.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;
use tonic::Status;

use super::arrival::Arrival;
use super::calls::Calls;
use super::cancellations::Cancellations;
use super::carrier::Carrier;
use super::ending::{Ending, Lesson};
use super::failures::Failures;
use super::held_turn::HeldTurn;
use super::inbox::Delivery;
use super::opener::{OpenedStream, Opener};
use super::reader::Reader;
use super::refusals::Refusals;
use super::reverse::{ReverseCalls, ReverseService};
use super::stragglers::Stragglers;
use super::stream_options::StreamOptions;
use crate::call::Deadline;
use crate::connection::Link;
use crate::node_info::NodeInfo;
use crate::status::bounded;
use crate::telemetry;
use crate::wire::{
    CANCEL, CallNumber, Capacity, END, HELD_TURN, Head, IsFirst, KEEP_ALIVE, Queue, QueueBody,
    ReverseBody, StreamMessage, StreamNumber,
};

/// Opens the streams to one node, delivers the messages that arrive on them, and fails the calls on one that broke.
pub(super) struct Driver {
    pub(super) info: Arc<NodeInfo>,
    pub(super) calls: Calls,
    pub(super) queue: Arc<Queue>,
    pub(super) stragglers: Stragglers,
    pub(super) failures: Failures,
    held_turn: HeldTurn,
    pub(super) opener: Opener,
    refusals: Refusals,
    cancellations: Cancellations,
    /// What serves the node's own calls, and how many may wait for it. `None` if it may make none.
    reverse: Option<(ReverseService, Capacity)>,
    /// Notified when a stream has ended.
    ended: Notify,
    /// Notified when the node has moved: streams to where it was are of no use, and failures there say nothing.
    moved: Notify,
    /// How often it has moved.
    moves: AtomicU64,
}

impl Driver {
    /// See [`NodeStream::new`](super::NodeStream::new).
    pub(super) fn new(
        info: Arc<NodeInfo>,
        link: Link,
        carrier: Option<Carrier>,
        calls: Calls,
        options: StreamOptions,
    ) -> Self {
        let StreamOptions {
            queue,
            stragglers,
            backoff,
            reverse,
        } = options;
        Self {
            opener: Opener::new(link, carrier, Arc::clone(&info.messages)),
            reverse: reverse.map(|service| (service, queue)),
            info,
            queue: Arc::new(Queue::with_numbers(queue, calls.streams().clone())),
            calls,
            stragglers: Stragglers::new(stragglers),
            failures: Failures::new(backoff),
            held_turn: HeldTurn::default(),
            refusals: Refusals::default(),
            cancellations: Cancellations::new(),
            ended: Notify::new(),
            moved: Notify::new(),
            moves: AtomicU64::new(0),
        }
    }

    /// Starts a task that runs a stream, if there is a first message for it.
    pub(super) fn run_if(self: &Arc<Self>, is_first: IsFirst) {
        if is_first.0 {
            let task = StreamTask {
                driver: Arc::clone(self),
                has_ended: false,
            };
            self.info.tasks.spawn(task.run());
        }
    }

    /// Opens a stream as soon as the back-off allows, and another one whenever it has ended. Returns when the queue is
    /// closed.
    pub(super) async fn keep_open(self: &Arc<Self>) {
        loop {
            let wait = async {
                self.opener.until_next_attempt().await;
                self.failures.until_next_attempt().await;
            };
            tokio::select! {
                () = wait => {}
                () = self.moved.notified() => continue,
            }
            let Some(is_first) = self.queue.begin() else {
                return;
            };
            self.run_if(is_first);
            self.ended.notified().await;
            // On a runtime that is ending, each stream ends at once, and nothing above would wait.
            yield_now().await;
        }
    }

    /// Runs one stream, until it ends or the node moves.
    async fn run_until_moved(self: &Arc<Self>) -> Ending {
        let moves = self.moves.load(Ordering::Acquire);
        let mut moved = pin!(self.moved.notified());
        let mut run = pin!(self.run());
        let mut is_woken = false;
        // A task's waker never changes, so one poll of the notification registers it for good. Polling it with each
        // message would cost.
        poll_fn(|cx| {
            if !is_woken || self.moves.load(Ordering::Acquire) != moves {
                is_woken = true;
                if moved.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ending {
                        status: Status::unavailable("the node has been given another address"),
                        lesson: Lesson::None,
                    });
                }
            }
            run.as_mut().poll(cx)
        })
        .await
    }

    /// Ends the stream, because the node has moved. The next one leads to where it is now.
    pub(super) fn move_on(&self) {
        self.failures.forget();
        self.moves.fetch_add(1, Ordering::Release);
        self.moved.notify_waiters();
    }

    /// The status of the call `number`, sent at `sent`, which the node has not answered by its deadline.
    pub(super) fn late(&self, number: CallNumber, sent: Instant) -> Status {
        let exceeded = Deadline::exceeded();
        match self.held_turn.ahead_of(number, sent) {
            Some(method) => Status::deadline_exceeded(format!(
                "{}: the handler of an earlier call of {method} kept its turn at the node; release it, or answer sooner",
                exceeded.message()
            )),
            None => exceeded,
        }
    }

    /// Cancels a call on the node, if the node knows that extension, and removes its request from the queue.
    pub(super) fn cancel(&self, number: CallNumber) {
        self.queue.withdraw(number);
        if let Some(stream) = self.cancellations.are_told(number) {
            self.send_cancellation(stream, number);
        }
    }

    /// Fails stragglers at their deadlines, and cancels them on the node, until none is left that has one.
    pub(super) async fn fail_late_stragglers(&self) {
        while let Some(late) = self.stragglers.next_late().await {
            for call in late {
                self.info.fail(call.sent, Deadline::exceeded());
                self.cancel(call.number);
            }
        }
    }

    /// Opens a stream, and delivers the messages on it until it ends.
    async fn run(&self) -> Ending {
        let stream = self.queue.stream();
        let start = Instant::now();
        let body = QueueBody::new(Arc::clone(&self.queue), stream);
        let (mut reverse, replies) = self.reverse_calls().unzip();
        let OpenedStream {
            messages,
            silence,
            is_extended,
        } = match self.opener.open(body, replies, stream).await {
            Ok(opened) => opened,
            Err(ending) => return ending,
        };
        if let Some(reverse) = &mut reverse {
            reverse.agree(is_extended);
        }
        for number in self.cancellations.open(stream, is_extended) {
            self.send_cancellation(stream, number);
        }
        let opened = self.queue.opened().unwrap_or(start);
        self.info.observations.open(opened - start);
        self.info.connection.open();
        let reader = Reader {
            driver: self,
            messages,
            silence,
            stream,
            opened,
            reverse,
            replied: false,
        };
        reader.read().await
    }

    /// The calls that the node may make on the next stream, and the replies to them.
    fn reverse_calls(&self) -> Option<(ReverseCalls, ReverseBody)> {
        let (service, capacity) = self.reverse.clone()?;
        let (sender, replies) = ReverseBody::new();
        let node = self.info.id;
        Some((ReverseCalls::new(service, node, capacity, sender), replies))
    }

    /// Delivers a reply that arrived on the stream's carrier.
    #[cold]
    pub(super) fn deliver_carried(&self, reply: StreamMessage<'_>) {
        let at = Instant::now();
        let arrival = Arrival {
            stream: self.queue.stream(),
            opened: self.queue.opened().unwrap_or(at),
            at,
        };
        self.deliver(reply, &arrival);
    }

    /// Delivers a message to its call, or observes it if no call waits for it.
    pub(super) fn deliver(&self, message: StreamMessage<'_>, arrival: &Arrival) {
        let number = CallNumber::received(message.number());
        match self
            .calls
            .deliver(message, arrival, &self.info.observations)
        {
            Delivery::Taken => {}
            Delivery::Ignored(message) if message.has(KEEP_ALIVE) => {}
            Delivery::Ignored(message) if message.has(HELD_TURN) => {
                let value = message.value_of(HELD_TURN).unwrap_or_default();
                self.held_turn.note(value, arrival.at);
            }
            Delivery::Ignored(message) => {
                self.calls.ignore();
                if let Some(number) = number {
                    self.observe_ignored(number, &message, arrival);
                }
            }
            Delivery::Overflow => {
                if let Some(number) = number {
                    self.cancel(number);
                }
            }
        }
    }

    /// Handles a message that no call waits for: the refusal of a one-way call, or the answer to a straggler.
    fn observe_ignored(&self, number: CallNumber, message: &StreamMessage<'_>, arrival: &Arrival) {
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
        match failure {
            Some(status) => drop(self.info.fail(call.sent, status)),
            None => {
                let latency = arrival.latency(call.sent);
                if !call.streams_replies {
                    self.info.observations.measure(latency);
                }
                telemetry::replied(|| self.info.address(), || latency);
            }
        }
    }

    fn send_cancellation(&self, stream: StreamNumber, number: CallNumber) {
        let cancel = Head {
            number: number.get(),
            entry: Some((CANCEL, "")),
            ..Head::default()
        };
        // A cancellation is never too large.
        if let Ok(frame) = cancel.alone() {
            self.queue.push_notice(stream, &frame);
        }
    }

    /// Fails the calls on the stream that has ended. Messages enqueued from now on are for the next stream.
    fn break_off(self: &Arc<Self>, ending: &Ending) {
        self.failures.learn(ending);
        let reason = bounded(self.info.explain(ending.status.clone()));
        self.info.connection.fail(&reason);
        self.cancellations.close();
        let (stream, is_first) = self.queue.fail(&ending.status);
        self.calls.lose(stream, &ending.status);
        for call in self.stragglers.lose(stream) {
            self.info.fail(call.sent, ending.status.clone());
        }
        self.run_if(is_first);
        self.ended.notify_one();
    }
}

/// The task that runs one stream.
struct StreamTask {
    driver: Arc<Driver>,
    has_ended: bool,
}

impl StreamTask {
    async fn run(mut self) {
        let ending = match self.driver.failures.check() {
            Ok(()) => self.driver.run_until_moved().await,
            Err(status) => Ending {
                status,
                lesson: Lesson::None,
            },
        };
        self.has_ended = true;
        self.driver.break_off(&ending);
    }
}

impl Drop for StreamTask {
    fn drop(&mut self) {
        if !self.has_ended {
            // The manager was closed, or its runtime ended.
            self.driver.break_off(&Ending {
                status: Status::unavailable("the manager is closed"),
                lesson: Lesson::None,
            });
        }
    }
}
