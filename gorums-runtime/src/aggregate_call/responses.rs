//! The outcomes of a call, one by one.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{FutureExt, Stream, StreamExt};
use prost::Message;
use tonic::{Code, Status};

use super::AggregateCall;
use crate::call::CallOutcome;
use crate::call::{Alarm, Deadline, Method, Replies, Turn, Withdrawal};
use crate::fan_out::FanOut;
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::NodeError;
use crate::support::guard;
use crate::telemetry::CallSpan;

/// Each node's reply or error in order of arrival: a stream that ends when every node has answered or failed.
///
/// The call starts when the stream is first polled. When its deadline passes, the nodes that have not answered fail
/// with `DeadlineExceeded`. Skipped nodes do not appear. If the function that makes each node's request panics, nothing
/// is sent, and every node fails with `Internal` and the panic's message. If a handler makes the call, and its own caller gives
/// up, the nodes that have not answered fail with `Cancelled`.
///
/// [`StreamExt`] has adapters for the stream. They also take it by reference, so that you can let the call go
/// afterwards:
///
/// ```no_run
/// # use gorums_runtime::{AggregateCall, Method, NodeId};
/// # use prost::Message;
/// # async fn example<M: Method>(call: AggregateCall<M>, suspected: NodeId) {
/// use std::future::ready;
///
/// use futures::StreamExt;
///
/// let mut responses = call.responses();
/// let keep = |node: NodeId, reply: &M::Reply| node != suspected && reply.encoded_len() > 0;
/// let two: Vec<_> = responses
///     .by_ref()
///     .filter(|(node, outcome)| ready(outcome.as_ref().is_ok_and(|reply| keep(*node, reply))))
///     .take(2)
///     .collect()
///     .await;
/// responses.let_go();
/// # }
/// ```
///
/// # Panics
///
/// When a call with a timeout is polled outside of a tokio runtime.
///
/// # Cancel safety
///
/// The stream may be polled, left and polled again. Dropping it withdraws the call from the nodes that have not
/// answered; see [`let_go`](Self::let_go).
#[must_use = "a call does nothing until its stream is polled"]
pub struct Responses<M: Method>(ResponsesState<M>);

#[expect(
    clippy::large_enum_variant,
    reason = "to box what runs would be one more allocation for each call"
)]
enum ResponsesState<M: Method> {
    Ready(Option<Box<AggregateCall<M>>>),
    RunningResponses(RunningResponses<M>),
    /// The call is over, and these errors have not been returned yet.
    Over(Vec<NodeError>),
}

struct RunningResponses<M: Method> {
    fan_out: FanOut<M::Reply>,
    alarm: Alarm,
    deadline: Deadline,
    /// Ready when a handler makes the call and serves nobody any more.
    withdrawal: Withdrawal,
    /// Whether a node failed because of the deadline.
    late: bool,
    turn: Turn,
    span: CallSpan,
}

/// A node's reply or error.
type Response<R> = (NodeId, Result<R, NodeError>);

/// The next item of a running call. Errors are those that are left to return when the call is over.
type Next<R> = Result<Option<Response<R>>, Vec<NodeError>>;

impl<M: Method> Responses<M> {
    pub(super) fn new(call: AggregateCall<M>) -> Self {
        Self(ResponsesState::Ready(Some(Box::new(call))))
    }

    /// The replies alone.
    pub fn ignore_errors(self) -> SuccessfulResponses<M> {
        SuccessfulResponses(self)
    }

    /// The first `n` replies and errors, or fewer if there are no more nodes. The nodes that have not answered by
    /// then go on, as they do after a decision.
    pub async fn collect_n(mut self, n: usize) -> Vec<(NodeId, Result<M::Reply, NodeError>)> {
        let outcomes = self.by_ref().take(n).collect().await;
        self.let_go();
        outcomes
    }

    /// Lets the nodes that have not answered go on with the call, as they do after a decision.
    pub fn let_go(self) {
        if let ResponsesState::RunningResponses(mut running) = self.0 {
            running.fan_out.let_go();
            running.end(CallOutcome::Decided);
        }
    }
}

impl<M: Method> RunningResponses<M> {
    /// Sends the requests.
    ///
    /// # Errors
    ///
    /// Every node's error when the requests could not be made.
    fn start(call: AggregateCall<M>) -> Result<Self, Vec<NodeError>> {
        let AggregateCall {
            configuration,
            mut request,
            mut per_node,
            options,
        } = call;
        let deadline = options.deadline();
        let withdrawal = options.withdrawal();
        let is_withdrawn = options.is_withdrawn();
        let mut span = CallSpan::responses(
            M::DESCRIPTOR,
            configuration.id(),
            configuration.size(),
            &options,
        );
        if is_withdrawn {
            span.end(CallOutcome::Cancelled);
            let error = |node: &Node| node.info().error(Withdrawal::status());
            return Err(configuration.nodes().map(error).collect());
        }
        let start = || {
            let mut fan_out =
                FanOut::new::<M>(configuration.clone(), &mut request, options, deadline);
            fan_out.contact::<M>(&request, per_node.as_mut(), 0..configuration.size());
            fan_out
        };
        let fan_out = guard(|| span.in_scope(start));
        let fan_out = fan_out.map_err(|panicked| {
            span.end(CallOutcome::Panicked);
            let nodes = configuration.nodes();
            nodes
                .map(|node| node.info().error(Status::internal(panicked.to_string())))
                .collect::<Vec<_>>()
        })?;
        Ok(Self {
            fan_out,
            alarm: deadline.alarm(),
            deadline,
            withdrawal,
            late: false,
            turn: Turn::default(),
            span,
        })
    }

    /// Handles the outcomes that have arrived. Those that are ready when the deadline passes still count. After that,
    /// only the errors of the late nodes are left.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next<M::Reply>> {
        if self.turn.is_over() {
            // On a busy runtime the timer may fire late.
            return match self.deadline.has_passed() {
                true => Poll::Ready(Err(self.end_late())),
                false => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            };
        }
        let next = loop {
            let next = self.span.in_scope(|| self.fan_out.poll_next_unpin(cx));
            match next {
                Poll::Ready(Some((node, arrived))) => {
                    if let Some(outcome) = arrived.transpose() {
                        break Poll::Ready(Some((node, outcome)));
                    }
                }
                Poll::Ready(None) => break Poll::Ready(None),
                Poll::Pending => break Poll::Pending,
            }
        };
        match next {
            Poll::Ready(Some((node, outcome))) => {
                if M::DESCRIPTOR.streams_replies()
                    && let Ok(reply) = &outcome
                {
                    self.turn.take(reply.encoded_len());
                }
                // The nodes have the deadline, too: their errors may arrive before the timer fires.
                let late = |error: &NodeError| error.code() == Code::DeadlineExceeded;
                self.late |= outcome.as_ref().is_err_and(late) && self.deadline.has_passed();
                return Poll::Ready(Ok(Some((node, outcome))));
            }
            Poll::Ready(None) => {
                self.end(match self.late {
                    true => CallOutcome::DeadlineExceeded,
                    false => CallOutcome::Answered,
                });
                return Poll::Ready(Ok(None));
            }
            Poll::Pending => {}
        }
        self.turn = Turn::default();
        if self.withdrawal.poll_unpin(cx).is_ready() {
            let given_up = self
                .span
                .in_scope(|| self.fan_out.withdraw(&Withdrawal::status()));
            self.end(CallOutcome::Cancelled);
            return Poll::Ready(Err(given_up));
        }
        ready!(self.alarm.poll_unpin(cx));
        Poll::Ready(Err(self.end_late()))
    }

    fn end(&mut self, outcome: CallOutcome) {
        self.fan_out.end(outcome);
        self.span.end(outcome);
    }

    /// Withdraws the call because its deadline has passed. Returns the errors of the nodes that are late.
    fn end_late(&mut self) -> Vec<NodeError> {
        let late = self.span.in_scope(|| self.fan_out.withdraw_late());
        self.end(CallOutcome::DeadlineExceeded);
        late
    }
}

// Nothing is pinned in place: what needs a stable address is boxed.
impl<M: Method> Unpin for Responses<M> {}

impl<M: Method> Stream for Responses<M> {
    type Item = (NodeId, Result<M::Reply, NodeError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let errors = match &mut self.0 {
                ResponsesState::Ready(call) => {
                    let Some(call) = call.take() else {
                        return Poll::Ready(None);
                    };
                    match RunningResponses::start(*call) {
                        Ok(running) => {
                            self.0 = ResponsesState::RunningResponses(running);
                            continue;
                        }
                        Err(errors) => errors,
                    }
                }
                ResponsesState::RunningResponses(running) => match ready!(running.poll_next(cx)) {
                    Ok(next) => return Poll::Ready(next),
                    Err(errors) => errors,
                },
                ResponsesState::Over(errors) => {
                    let next = errors.pop();
                    return Poll::Ready(next.map(|error| (error.node_id(), Err(error))));
                }
            };
            self.0 = ResponsesState::Over(errors);
        }
    }
}

impl<M: Method> fmt::Debug for Responses<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responses")
            .field(&M::DESCRIPTOR.full_name())
            .finish()
    }
}

/// Each node's reply in order of arrival. [`Responses::ignore_errors`] creates it.
#[must_use = "a call does nothing until its stream is polled"]
pub struct SuccessfulResponses<M: Method>(Responses<M>);

impl<M: Method> SuccessfulResponses<M> {
    /// The first `n` replies, or fewer if the other nodes fail. The nodes that have not answered by then go on, as
    /// they do after a decision.
    pub async fn collect_n(mut self, n: usize) -> Replies<M::Reply> {
        let replies: Vec<_> = self.by_ref().take(n).collect().await;
        self.0.let_go();
        replies.into_iter().collect()
    }
}

impl<M: Method> Stream for SuccessfulResponses<M> {
    type Item = (NodeId, M::Reply);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.0.poll_next_unpin(cx) {
                Poll::Ready(Some((node, Ok(reply)))) => return Poll::Ready(Some((node, reply))),
                Poll::Ready(Some((_, Err(_)))) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<M: Method> fmt::Debug for SuccessfulResponses<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SuccessfulResponses").field(&self.0).finish()
    }
}
