//! The outcomes of a call, one by one.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{FutureExt, Stream, StreamExt};
use tonic::Status;

use super::AggregateCall;
use crate::deadline::{Alarm, Deadline};
use crate::fan_out::FanOut;
use crate::node_error::NodeError;
use crate::{Method, Node, NodeId, Replies};

/// Each node's reply or error, as they arrive: a stream that ends when every node has answered or failed.
///
/// The call starts when the stream is first polled. When its deadline passes, the nodes that have not answered fail
/// with `DeadlineExceeded`. A skipped node does not occur.
///
/// # Panics
///
/// When a function that makes each node's request panics, and when a call with a timeout is polled outside of a
/// tokio runtime.
///
/// # Cancel safety
///
/// The stream may be polled, left and polled again. Dropping it withdraws the call from the nodes that have not
/// answered; see [`let_go`](Self::let_go).
#[must_use = "a call does nothing until its stream is polled"]
pub struct Responses<M: Method>(State<M>);

enum State<M: Method> {
    Ready(Option<Box<AggregateCall<M>>>),
    Running(Running<M>),
}

struct Running<M: Method> {
    fan_out: FanOut<M::Reply>,
    alarm: Alarm,
    /// Nodes that had not answered at the deadline, and are still to be told of.
    late: Vec<Node>,
}

/// A node's reply or error.
type Outcome<R> = (NodeId, Result<R, NodeError>);

impl<M: Method> Responses<M> {
    pub(super) fn new(call: AggregateCall<M>) -> Self {
        Self(State::Ready(Some(Box::new(call))))
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

    /// Lets the nodes that have not answered go on with the call without anybody waiting for them, as they do after
    /// a decision.
    pub fn let_go(self) {
        if let State::Running(running) = self.0 {
            running.fan_out.let_go();
        }
    }
}

impl<M: Method> Running<M> {
    fn start(call: AggregateCall<M>) -> Self {
        let AggregateCall {
            configuration,
            request,
            per_node,
            options,
        } = call;
        let deadline = options.deadline();
        let fan_out = FanOut::new::<M>(&configuration, &request, per_node, options, deadline);
        Self {
            fan_out,
            alarm: deadline.alarm(),
            late: Vec::new(),
        }
    }

    /// Takes in what has arrived. What is ready when the deadline passes still counts.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<M::Reply>>> {
        if self.late.is_empty() {
            if let Poll::Ready(next) = self.fan_out.poll_next_unpin(cx) {
                return Poll::Ready(next.map(|(node, outcome)| outcome_of(&node, outcome)));
            }
            ready!(self.alarm.poll_unpin(cx));
            self.late = self.fan_out.withdraw_late();
        }
        let late = self.late.pop();
        Poll::Ready(late.map(|node| outcome_of(&node, Err(Deadline::exceeded()))))
    }
}

fn outcome_of<R>(node: &Node, outcome: Result<R, Status>) -> Outcome<R> {
    let outcome = outcome.map_err(|status| NodeError::new(node, status));
    (node.id(), outcome)
}

// Nothing is pinned in place: what needs a stable address is boxed.
impl<M: Method> Unpin for Responses<M> {}

impl<M: Method> Stream for Responses<M> {
    type Item = (NodeId, Result<M::Reply, NodeError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Ready(call) = &mut self.0 {
            let Some(call) = call.take() else {
                return Poll::Ready(None);
            };
            self.0 = State::Running(Running::start(*call));
        }
        let State::Running(running) = &mut self.0 else {
            return Poll::Ready(None);
        };
        running.poll_next(cx)
    }
}

impl<M: Method> fmt::Debug for Responses<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responses")
            .field(&M::DESCRIPTOR.full_name())
            .finish()
    }
}

/// Each node's reply, as they arrive. Made by [`Responses::ignore_errors`].
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
