//! A one-way request that is being sent.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Instrument;

use crate::call::{Alarm, Deadline, HandedOver, Receipt};
use crate::grpc::{EncodedRequest, Queued};
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::NodeError;
use crate::node_stream::OneWayMessage;
use crate::wire::CallNumber;

/// A one-way request that waits for the connection to one node.
pub(super) struct Sending {
    node: Node,
    start: Instant,
    sent: oneshot::Receiver<HandedOver>,
    /// Whether the node had room for the request when it was made.
    had_room: bool,
    /// `None` once the request is sent or detached.
    withdraw: Option<Withdraw>,
}

/// What withdraws a request.
enum Withdraw {
    /// A task sends it.
    Call(AbortHandle),
    /// It is in the queue of a client stream. Its deadline withdraws it.
    Message(Queued, Alarm),
    /// It is in the queue of the node stream. Its deadline withdraws it.
    OnStream(CallNumber, Alarm),
}

impl Sending {
    /// Sends a request as a call of its own.
    pub(super) fn call(node: Node, request: EncodedRequest, deadline: Deadline) -> Self {
        let (receipt, sent) = Receipt::new();
        let call = request.send_one_way(node.link(), receipt.clone());
        let room = Arc::clone(node.one_way_room());
        let place = Arc::clone(&room).try_acquire_owned().ok();
        let had_room = place.is_some();
        let call = async move {
            let _place = match place {
                Some(place) => Some(place),
                // The semaphore is never closed.
                None => room.acquire_owned().await.ok(),
            };
            call.await
        };
        Self::start(node, call, deadline, receipt, sent, had_room)
    }

    /// Sends a message on the node stream.
    ///
    /// A message for which there is room needs no task.
    pub(super) fn on_node_stream(node: Node, message: OneWayMessage, deadline: Deadline) -> Self {
        let (receipt, sent) = Receipt::new();
        let had_room = message.has_room(node.stream());
        if had_room && !node.info().is_closed() && message.push(node.stream(), receipt) {
            let _runtime = node.tasks().runtime().enter();
            let withdraw = Withdraw::OnStream(message.number(), deadline.alarm());
            return Self {
                node,
                start: Instant::now(),
                sent,
                had_room,
                withdraw: Some(withdraw),
            };
        }
        let (receipt, sent) = Receipt::new();
        let (called, handed_over) = (node.unkept(), receipt.clone());
        let call = async move {
            message.send(called.stream()).await?;
            handed_over.sign(Ok(()));
            Ok(())
        };
        Self::start(node, call, deadline, receipt, sent, had_room)
    }

    /// A request that must not be sent.
    pub(super) fn refused(node: Node, status: Status) -> Self {
        let (receipt, sent) = Receipt::new();
        receipt.sign(Err(status));
        Self {
            node,
            start: Instant::now(),
            sent,
            had_room: true,
            withdraw: None,
        }
    }

    /// Withdraws a request that was not sent, for the reason in `status`. Returns its error.
    pub(super) fn withdraw(&mut self, status: Status) -> NodeError {
        match self.withdraw.take() {
            Some(Withdraw::Message(queued, _)) => queued.withdraw(),
            Some(Withdraw::OnStream(number, _)) => self.node.stream().withdraw(number),
            Some(Withdraw::Call(call)) => call.abort(),
            None => {}
        }
        self.node.info().error(status)
    }

    /// The node that it goes to.
    pub(super) fn node_id(&self) -> NodeId {
        self.node.id()
    }

    /// Runs `call` in the background, until `deadline` at most. The call signs the receipt when the request is sent.
    fn start(
        node: Node,
        call: impl Future<Output = Result<(), Status>> + Send + 'static,
        deadline: Deadline,
        receipt: Receipt,
        sent: oneshot::Receiver<HandedOver>,
        had_room: bool,
    ) -> Self {
        let (called, start) = (node.unkept(), Instant::now());
        if node.info().is_closed() {
            // The task that would report it never runs.
            let info = node.info();
            receipt.sign(Err(info.fail(start, info.ended())));
        }
        let call = async move {
            let outcome = match deadline.instant() {
                Some(at) => tokio::time::timeout_at(at, call)
                    .await
                    .unwrap_or_else(|_| Err(Deadline::exceeded())),
                None => call.await,
            };
            if let Err(status) = outcome.map_err(|status| called.info().explain(status)) {
                let was_not_sent = receipt.sign(Err(status.clone()));
                // Without replies it is unknown whether a request that was sent is handled.
                if was_not_sent || is_refusal(&status) {
                    called.fail(start, status);
                }
            }
        };
        let withdraw = node.tasks().start(call.in_current_span());
        Self {
            node,
            start,
            sent,
            had_room,
            withdraw: Some(Withdraw::Call(withdraw)),
        }
    }

    /// Sends a request as a message of a client stream.
    pub(super) fn message(node: Node, request: EncodedRequest, deadline: Deadline) -> Self {
        let start = Instant::now();
        let (had_room, sent, withdraw) = match request.send_message(node.message_streams()) {
            Ok(message) => {
                let _runtime = node.tasks().runtime().enter();
                let withdraw = Withdraw::Message(message.queued, deadline.alarm());
                (message.had_room, message.sent, Some(withdraw))
            }
            Err(status) => {
                let (receipt, sent) = Receipt::new();
                receipt.sign(Err(node.info().fail(start, status)));
                (true, sent, None)
            }
        };
        Self {
            node,
            start,
            sent,
            had_room,
            withdraw,
        }
    }

    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NodeError>> {
        // Once the outcome is known, the timer is not polled: its runtime may have ended.
        let mut sent = self.sent.poll_unpin(cx);
        if sent.is_pending()
            && let Some(Withdraw::Message(_, alarm) | Withdraw::OnStream(_, alarm)) =
                &mut self.withdraw
            && alarm.poll_unpin(cx).is_ready()
        {
            match &self.withdraw {
                Some(Withdraw::Message(queued, _)) => {
                    queued.withdraw();
                    sent = self.sent.poll_unpin(cx);
                }
                Some(Withdraw::OnStream(number, _)) => {
                    // The queue may keep the receipt for a while.
                    self.node.stream().withdraw(*number);
                    self.sent.close();
                    sent = self.sent.poll_unpin(cx);
                }
                _ => {}
            }
        }
        let sent = match ready!(sent) {
            // No task has reported it.
            Ok(Err(status)) if matches!(self.withdraw, Some(Withdraw::OnStream(..))) => {
                let info = self.node.info();
                Err(info.fail(self.start, info.explain(status)))
            }
            Ok(sent) => sent,
            Err(_) => Err(self.given_up()),
        };
        self.withdraw = None;
        Poll::Ready(sent.map_err(|status| self.node.info().error(status)))
    }

    /// The status of a request whose task ended without an outcome.
    fn given_up(&self) -> Status {
        match self.withdraw {
            // While somebody waits for a message, only its deadline withdraws it.
            Some(Withdraw::Message(..) | Withdraw::OnStream(..)) => {
                let info = self.node.info();
                info.fail(self.start, Deadline::exceeded())
            }
            _ => self.node.info().ended(),
        }
    }

    /// Lets the call go on, or drops and reports it if it would have to wait for room.
    pub(super) fn detach(mut self) {
        if !self.had_room && !self.is_sent() {
            let status = self.node.no_room_for_one_way();
            self.node.info().observations.meter().drop_call();
            self.node.fail(self.start, status);
            return;
        }
        match &self.withdraw {
            // A task has to withdraw the message at its deadline.
            Some(Withdraw::Message(_, alarm)) if alarm.is_set() => self.go_on(),
            // A task has to report it if the stream ends before it is sent.
            Some(Withdraw::OnStream(..)) => {
                if poll_fn(|cx| self.poll_sent(cx)).now_or_never().is_none() {
                    self.go_on();
                }
            }
            _ => self.withdraw = None,
        }
    }

    /// Waits for the outcome in a task. It does not keep the node connected.
    fn go_on(mut self) {
        self.node = self.node.unkept();
        let tasks = self.node.tasks().clone();
        let outcome = async move {
            // Nobody waits for the outcome of a detached call.
            let _ = poll_fn(|cx| self.poll_sent(cx)).await;
        };
        tasks.spawn(outcome.in_current_span());
    }

    /// Whether the transport has taken the request, or failed.
    fn is_sent(&mut self) -> bool {
        !matches!(
            self.sent.try_recv(),
            Err(oneshot::error::TryRecvError::Empty)
        )
    }
}

/// Whether `status` means that the node refused the request, for example because it does not know the method.
fn is_refusal(status: &Status) -> bool {
    !matches!(
        status.code(),
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded
    )
}

impl Drop for Sending {
    fn drop(&mut self) {
        match self.withdraw.take() {
            Some(Withdraw::Message(queued, _)) => queued.withdraw(),
            Some(Withdraw::OnStream(number, _)) if !self.is_sent() => {
                self.node.stream().withdraw(number);
            }
            Some(Withdraw::Call(call)) if !self.is_sent() => call.abort(),
            _ => {}
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(&self.node.id()).finish()
    }
}
