//! A quorum call in flight.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{FutureExt, StreamExt};
use prost::Message;
use smallvec::SmallVec;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;

use super::error::QuorumCallError;
use super::undecided::Undecided;
use super::{Decided, QuorumCall};
use crate::call::CallOutcome;
use crate::call::{
    Alarm, Deadline, Decide, Replies, Tally, TooMany, Transport, Turn, USUAL_NODES, Withdrawal,
};
use crate::fan_out::FanOut;
use crate::identity::NodeId;
use crate::node_info::NodeError;
use crate::support::guard;
use crate::telemetry::CallSpan;

/// The future of a [`QuorumCall`].
#[must_use = "a call does nothing until it is awaited"]
pub struct QuorumCallFuture<M: Decide<Q>, Q>(FutureState<M, Q>);

/// The future of a [`WithNodeIds`](super::WithNodeIds).
#[must_use = "a call does nothing until it is awaited"]
pub struct WithNodeIdsFuture<M: Decide<Q>, Q>(FutureState<M, Q>);

impl<M: Decide<Q>, Q> QuorumCallFuture<M, Q> {
    pub(super) fn new(call: QuorumCall<M, Q>) -> Self {
        Self(FutureState::Ready(call))
    }
}

impl<M: Decide<Q>, Q> WithNodeIdsFuture<M, Q> {
    pub(super) fn new(call: QuorumCall<M, Q>) -> Self {
        Self(FutureState::Ready(call))
    }
}

// Nothing is pinned in place: what needs a stable address is boxed.
impl<M: Decide<Q>, Q> Unpin for QuorumCallFuture<M, Q> {}
impl<M: Decide<Q>, Q> Unpin for WithNodeIdsFuture<M, Q> {}

impl<M: Decide<Q>, Q> Future for QuorumCallFuture<M, Q> {
    type Output = Result<M::Output, QuorumCallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0
            .poll(cx)
            .map(|outcome| outcome.map(|(value, _)| value))
    }
}

impl<M: Decide<Q>, Q> Future for WithNodeIdsFuture<M, Q> {
    type Output = Result<Decided<M::Output>, QuorumCallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let decided = |(value, nodes): (_, Nodes)| Decided {
            value,
            node_ids: nodes.into_vec(),
        };
        self.0.poll(cx).map(|outcome| outcome.map(decided))
    }
}

impl<M: Decide<Q>, Q> fmt::Debug for QuorumCallFuture<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QuorumCallFuture").field(&self.0).finish()
    }
}

impl<M: Decide<Q>, Q> fmt::Debug for WithNodeIdsFuture<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithNodeIdsFuture").field(&self.0).finish()
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "to box what runs would be one more allocation for each call"
)]
enum FutureState<M: Decide<Q>, Q> {
    Ready(QuorumCall<M, Q>),
    RunningCall(RunningCall<M, Q>, CallSpan),
    Ended,
}

impl<M: Decide<Q>, Q> FutureState<M, Q> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(M::Output, Nodes), QuorumCallError>> {
        if matches!(self, Self::Ready(_)) {
            self.start()?;
        }
        // A running call is large, so it is polled in place.
        let Self::RunningCall(running, span) = self else {
            panic!("a quorum call was polled after it ended");
        };
        let end = ready!(span.in_scope(|| running.poll(cx)));
        let outcome = span.in_scope(|| running.end(end));
        let ended = match &outcome {
            Ok(_) => CallOutcome::Decided,
            Err(error) => error.kind().into(),
        };
        running.fan_out.end(ended);
        span.end(ended);
        *self = Self::Ended;
        Poll::Ready(outcome)
    }

    fn start(&mut self) -> Result<(), QuorumCallError> {
        if let Self::Ready(call) = std::mem::replace(self, Self::Ended) {
            let (id, nodes) = (call.configuration.id(), call.configuration.size());
            let mut span = CallSpan::quorum_call(M::DESCRIPTOR, id, nodes, &call.options);
            match span.in_scope(|| RunningCall::start(call)) {
                Ok(running) => *self = Self::RunningCall(running, span),
                Err(error) => {
                    span.end(error.kind().into());
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl<M: Decide<Q>, Q> fmt::Debug for FutureState<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(call) => call.fmt(f),
            Self::RunningCall(running, _) => write!(
                f,
                "{} (replies: {}, errors: {})",
                M::DESCRIPTOR.full_name(),
                running.replies.arrived(),
                running.errors.len()
            ),
            Self::Ended => f.write_str("ended"),
        }
    }
}

/// The nodes that have replied, in order of arrival.
type Nodes = SmallVec<[NodeId; USUAL_NODES]>;

/// A call that was sent, and what has come back so far.
struct RunningCall<M: Decide<Q>, Q> {
    spec: Arc<Q>,
    request: M::Request,
    fan_out: FanOut<M::Reply>,
    replies: Replies<M::Reply>,
    nodes: Nodes,
    errors: Vec<NodeError>,
    deadline: Deadline,
    alarm: Alarm,
    withdrawal: Withdrawal,
    /// `None` over node streams, which end by themselves when the manager closes.
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cancel_rest: bool,
}

/// How a call ends: with the decision, or without.
type End<T> = Result<T, Undecided>;

impl<M: Decide<Q>, Q> RunningCall<M, Q> {
    fn start(call: QuorumCall<M, Q>) -> Result<Self, QuorumCallError> {
        let QuorumCall {
            configuration,
            spec,
            mut request,
            per_node,
            options,
        } = call;
        let deadline = options.deadline();
        let cancel_rest = options.cancel_rest;
        let withdrawal = options.withdrawal();
        let not_sent = |cause| {
            Err(QuorumCallError::new(
                M::DESCRIPTOR.full_name(),
                cause,
                0,
                Vec::new(),
            ))
        };
        if configuration.tasks().is_closed() {
            return not_sent(Undecided::Closed);
        }
        if deadline.has_passed() {
            return not_sent(Undecided::DeadlineExceeded);
        }
        if options.is_withdrawn() {
            return not_sent(Undecided::Cancelled);
        }
        let sent =
            guard(|| FanOut::new::<M>(configuration, &mut request, per_node, options, deadline));
        let mut fan_out = match sent {
            Ok(fan_out) => fan_out,
            Err(panicked) => return not_sent(Undecided::Panicked(panicked)),
        };
        let replies = match M::DESCRIPTOR.streams_replies() {
            true => Replies::streams_to_come(fan_out.len(), fan_out.reply_limit()),
            false => Replies::to_come(fan_out.len()),
        };
        if !M::reachable(&spec, &replies, fan_out.len()) {
            fan_out.end(CallOutcome::Incomplete);
            return not_sent(Undecided::Incomplete);
        }
        let nodes = fan_out.configuration();
        let closing = (nodes.transport() == Transport::Grpc)
            .then(|| Box::pin(nodes.tasks().closed().clone().cancelled_owned()));
        Ok(Self {
            spec,
            request,
            fan_out,
            replies,
            nodes: Nodes::new(),
            errors: Vec::new(),
            deadline,
            alarm: deadline.alarm(),
            withdrawal,
            closing,
            cancel_rest,
        })
    }

    /// Handles the outcomes that have arrived. Those that are ready when the deadline passes or the manager closes
    /// still count, up to the number that one poll handles.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End<M::Output>> {
        let mut turn = Turn::default();
        let goes_on = loop {
            match self.fan_out.poll_next_unpin(cx) {
                Poll::Ready(Some((node, outcome))) => {
                    if let Some(end) = self.take(node, outcome, &mut turn) {
                        return Poll::Ready(end);
                    }
                }
                Poll::Ready(None) => return Poll::Ready(Err(self.undecided())),
                Poll::Pending => break false,
            }
            if turn.is_over() {
                break true;
            }
        };
        if let Some(closing) = &mut self.closing
            && closing.poll_unpin(cx).is_ready()
        {
            return Poll::Ready(Err(Undecided::Closed));
        }
        // On a busy runtime the timer may fire late.
        if self.alarm.poll_unpin(cx).is_ready() || goes_on && self.deadline.has_passed() {
            return Poll::Ready(Err(Undecided::DeadlineExceeded));
        }
        if self.withdrawal.poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(Undecided::Cancelled));
        }
        if goes_on {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Handles a node's reply or error. Returns the call's end if that ends it.
    fn take(
        &mut self,
        node: NodeId,
        outcome: Result<M::Reply, NodeError>,
        turn: &mut Turn,
    ) -> Option<End<M::Output>> {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) => return self.fail(error),
        };
        let bytes = match M::DESCRIPTOR.streams_replies() {
            true => reply.encoded_len(),
            false => 0,
        };
        if M::DESCRIPTOR.streams_replies() {
            turn.take(bytes);
        }
        match self.replies.push(node, reply, bytes) {
            Ok(true) => self.nodes.push(node),
            Ok(false) => {}
            Err(TooMany(limit)) => {
                let status = Status::resource_exhausted(format!(
                    "the call holds too many of the node's replies: the limit is {} replies or {} bytes (reply_limit)",
                    limit.replies, limit.bytes
                ));
                let error = self.fan_out.give_up(node, status)?;
                return self.fail(error);
            }
        }
        let decision =
            guard(|| M::decide(Tally::new(&*self.spec, &self.request, &mut self.replies)));
        let decision = decision.map_err(Undecided::Panicked);
        decision.transpose()
    }

    /// Handles a node's error. Returns the call's end if that ends it.
    fn fail(&mut self, error: NodeError) -> Option<End<M::Output>> {
        self.errors.push(error);
        let reachable = M::reachable(&self.spec, &self.replies, self.fan_out.len());
        (!reachable).then(|| Err(self.undecided()))
    }

    /// Why a call ends when the remaining nodes cannot lead to a decision. The nodes have the deadline, too, and the
    /// manager ends their connections, so their errors may arrive before the call's own timer fires.
    fn undecided(&self) -> Undecided {
        if self.fan_out.configuration().tasks().is_closed() {
            return Undecided::Closed;
        }
        let late = |error: &NodeError| error.code() == tonic::Code::DeadlineExceeded;
        if self.deadline.has_passed() && self.errors.iter().any(late) {
            return Undecided::DeadlineExceeded;
        }
        Undecided::Incomplete
    }

    fn end(&mut self, end: End<M::Output>) -> Result<(M::Output, Nodes), QuorumCallError> {
        match end {
            Ok(value) => {
                if !self.cancel_rest {
                    self.fan_out.let_go();
                }
                Ok((value, std::mem::take(&mut self.nodes)))
            }
            Err(cause) => {
                if cause == Undecided::DeadlineExceeded {
                    self.errors.extend(self.fan_out.withdraw_late());
                }
                Err(QuorumCallError::new(
                    M::DESCRIPTOR.full_name(),
                    cause,
                    self.replies.arrived(),
                    std::mem::take(&mut self.errors),
                ))
            }
        }
    }
}
