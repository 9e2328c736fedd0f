//! A quorum call in flight.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{FutureExt, StreamExt};
use prost::Message;
use smallvec::SmallVec;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Status};

use super::contacts::Contacts;
use super::error::QuorumCallError;
use super::undecided::Undecided;
use super::{Decided, QuorumCall};
use crate::call::CallOutcome;
use crate::call::{
    Alarm, Deadline, Decide, Outstanding, PerNode, Replies, Tally, TooMany, Transport, Turn,
    USUAL_NODES, Withdrawal,
};
use crate::fan_out::{Arrived, FanOut};
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

    /// Contacts the first nodes of a thrifty call. Other calls have contacted all.
    #[inline]
    fn contact_first(&mut self) -> Result<(), QuorumCallError> {
        let Self::RunningCall(running, span) = self else {
            return Ok(());
        };
        if running.contacts.is_none() {
            return Ok(());
        }
        let Err(cause) = span.in_scope(|| running.contact_first()) else {
            return Ok(());
        };
        let Err(error) = running.end(Err(cause)) else {
            return Ok(());
        };
        let outcome = error.kind().into();
        running.fan_out.end(outcome);
        span.end(outcome);
        *self = Self::Ended;
        Err(error)
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
            self.contact_first()?;
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
    /// The nodes that send no reply any more.
    lost: Vec<NodeId>,
    /// The nodes of a call that does not contact all of them at once.
    contacts: Option<Box<ThriftyCall<M::Request>>>,
    deadline: Deadline,
    alarm: Alarm,
    withdrawal: Withdrawal,
    /// `None` over node streams, which end by themselves when the manager closes.
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cancel_rest: bool,
}

/// What a thrifty call needs to contact further nodes.
struct ThriftyCall<Request> {
    contacts: Contacts,
    per_node: Option<PerNode<Request>>,
}

/// How a call ends: with the decision, or without.
type End<T> = Result<T, Undecided>;

impl<M: Decide<Q>, Q> RunningCall<M, Q> {
    fn start(call: QuorumCall<M, Q>) -> Result<Self, QuorumCallError> {
        let QuorumCall {
            configuration,
            spec,
            mut request,
            mut per_node,
            mut options,
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
        if options.thrifty.is_some() && !M::DESCRIPTOR.is_idempotent() {
            return not_sent(Undecided::NotIdempotent);
        }
        let size = configuration.size();
        let thrifty = options.thrifty.take();
        let contacts = thrifty.map(|thrifty| Contacts::new(thrifty, configuration.clone()));
        let mut fan_out = FanOut::new::<M>(configuration, &mut request, options, deadline);
        let lost = match contacts {
            None => guard(|| fan_out.contact::<M>(&request, per_node.as_mut(), 0..size)),
            Some(_) => Ok(Vec::new()),
        };
        let lost = match lost {
            Ok(lost) => lost,
            Err(panicked) => return not_sent(Undecided::Panicked(panicked)),
        };
        let mut replies = match M::DESCRIPTOR.streams_replies() {
            true => Replies::streams_to_come(size, fan_out.reply_limit()),
            false => Replies::to_come(size),
        };
        replies.skip(lost.len());
        if contacts.is_none() {
            let rest = Outstanding::new(fan_out.len(), &lost);
            if !M::reachable(&spec, &replies, &rest) {
                fan_out.end(CallOutcome::Incomplete);
                return not_sent(Undecided::Incomplete);
            }
        }
        let nodes = fan_out.configuration();
        let closing = (nodes.transport() == Transport::Grpc)
            .then(|| Box::pin(nodes.tasks().closed().clone().cancelled_owned()));
        let contacts = contacts.map(|contacts| Box::new(ThriftyCall { contacts, per_node }));
        Ok(Self {
            spec,
            request,
            fan_out,
            replies,
            nodes: Nodes::new(),
            errors: Vec::new(),
            lost,
            contacts,
            deadline,
            alarm: deadline.alarm(),
            withdrawal,
            closing,
            cancel_rest,
        })
    }

    /// Contacts the first nodes of a thrifty call.
    #[cold]
    fn contact_first(&mut self) -> Result<(), Undecided> {
        let contacts = self.contacts.as_mut();
        let first = contacts.map(|it| it.contacts.first()).unwrap_or_default();
        guard(|| self.contact(first)).map_err(Undecided::Panicked)?;
        match self.is_reachable() {
            true => Ok(()),
            false => Err(Undecided::Incomplete),
        }
    }

    /// Contacts further nodes of a thrifty call, and others in place of those that are skipped.
    #[cold]
    fn contact(&mut self, mut nodes: Vec<usize>) {
        let Some(ThriftyCall { contacts, per_node }) = self.contacts.as_deref_mut() else {
            return;
        };
        while !nodes.is_empty() {
            contacts.contacted(&nodes);
            let next = nodes.iter().copied();
            let skipped = self
                .fan_out
                .contact::<M>(&self.request, per_node.as_mut(), next);
            self.replies.skip(skipped.len());
            nodes.clear();
            for node in skipped {
                self.lost.push(node);
                // The last round returns what is missing without all of them.
                nodes = contacts.lost(node, None);
            }
        }
    }

    /// Contacts the nodes that are left. Returns whether there were any.
    fn contact_rest(&mut self) -> bool {
        let contacts = self.contacts.as_deref();
        let rest = contacts.map(|it| it.contacts.rest()).unwrap_or_default();
        let any = !rest.is_empty();
        self.contact(rest);
        any
    }

    /// Whether the call can still be decided.
    fn is_reachable(&self) -> bool {
        let contacts = self.contacts.as_deref();
        let rest = contacts.map_or(0, |it| it.contacts.rest().len());
        let rest = Outstanding::new(self.fan_out.len() + rest, &self.lost);
        M::reachable(&self.spec, &self.replies, &rest)
    }

    /// Handles the outcomes that have arrived. Those that are ready when the deadline passes or the manager closes
    /// still count, up to the number that one poll handles.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End<M::Output>> {
        let mut turn = Turn::default();
        let goes_on = loop {
            match self.fan_out.poll_next_unpin(cx) {
                Poll::Ready(Some((node, arrived))) => {
                    if let Some(end) = self.take(node, arrived, &mut turn) {
                        return Poll::Ready(end);
                    }
                }
                Poll::Ready(None) => match guard(|| self.contact_rest()) {
                    Ok(true) => {}
                    Ok(false) => return Poll::Ready(Err(self.undecided())),
                    Err(panicked) => return Poll::Ready(Err(Undecided::Panicked(panicked))),
                },
                Poll::Pending => match self.poll_late(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
                    Poll::Pending => break false,
                },
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

    /// Contacts nodes in place of those that are late. Pending if there are none.
    #[inline]
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Undecided>> {
        let Some(thrifty) = self.contacts.as_deref_mut() else {
            return Poll::Pending;
        };
        let nodes = ready!(thrifty.contacts.poll_late(cx));
        let contacted = guard(|| self.contact(nodes));
        Poll::Ready(contacted.map_err(Undecided::Panicked))
    }

    /// Handles what has arrived from a node. Returns the call's end if that ends it.
    fn take(
        &mut self,
        node: NodeId,
        arrived: Arrived<M::Reply>,
        turn: &mut Turn,
    ) -> Option<End<M::Output>> {
        let reply = match arrived {
            Ok(Some(reply)) => reply,
            Ok(None) => return self.lose(node, None),
            Err(error) => return self.fail(error),
        };
        if let Some(thrifty) = &mut self.contacts {
            thrifty.contacts.replied(node);
        }
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
        let (node, code) = (error.node_id(), error.code());
        self.errors.push(error);
        self.lose(node, Some(code))
    }

    /// Handles that a node sends no reply any more, after an error with `code` if it failed. Returns the call's end if
    /// that ends it.
    fn lose(&mut self, node: NodeId, code: Option<Code>) -> Option<End<M::Output>> {
        self.lost.push(node);
        if let Some(thrifty) = &mut self.contacts {
            let nodes = thrifty.contacts.lost(node, code);
            if let Err(panicked) = guard(|| self.contact(nodes)) {
                return Some(Err(Undecided::Panicked(panicked)));
            }
        }
        (!self.is_reachable()).then(|| Err(self.undecided()))
    }

    /// Why a call ends when the remaining nodes cannot lead to a decision. The nodes have the deadline, too, and the
    /// manager ends their connections, so their errors may arrive before the call's own timer fires.
    fn undecided(&self) -> Undecided {
        if self.fan_out.configuration().tasks().is_closed() {
            return Undecided::Closed;
        }
        let late = |error: &NodeError| error.code() == Code::DeadlineExceeded;
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
