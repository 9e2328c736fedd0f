//! The fan-out of one request as a plain gRPC call to each node.

use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt};
use tokio::time::Instant;
use tonic::Status;

use super::address::address;
use super::arrived::Arrived;
use crate::call::{Deadline, Envelope, Method, PerNode};
use crate::configuration::Configuration;
use crate::grpc::EncodedRequest;
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_info::NodeError;
use crate::support::{Panicked, guard};
use crate::telemetry;

/// The RPCs of one call that are in flight. A stream of what arrives from the nodes, in order of arrival.
///
/// Each RPC waits for its own node only. All make progress while the stream is polled. Dropping it withdraws them.
pub(crate) struct GrpcFanOut<R> {
    configuration: Configuration,
    in_flight: FuturesUnordered<InFlight<R>>,
    sent: Instant,
    deadline: Deadline,
}

impl<R: prost::Message + Default + 'static> GrpcFanOut<R> {
    /// A call that has not been sent.
    pub(super) fn new(configuration: Configuration, deadline: Deadline) -> Self {
        Self {
            configuration,
            in_flight: FuturesUnordered::new(),
            sent: Instant::now(),
            deadline,
        }
    }

    /// Sends `request` in `envelope` to the nodes at these indices, in their order, or what `per_node` makes of it for
    /// each, if it makes one. Returns the nodes for which it makes none.
    pub(super) fn contact<M: Method<Reply = R>>(
        &mut self,
        request: &M::Request,
        per_node: Option<&mut PerNode<M::Request>>,
        nodes: impl Iterator<Item = usize> + Clone,
        envelope: &Envelope,
    ) -> Vec<NodeId> {
        let sent = Instant::now();
        let seal = |request: &M::Request, node: &Node| {
            EncodedRequest::new(envelope, request, node.message_options())
        };
        let at = |index| self.configuration.nodes().nth(index);
        let skips = per_node.is_some();
        let contacted = address(nodes.clone().filter_map(at), request, per_node, seal);
        let mut skipped = Vec::new();
        if skips {
            let asked: HashSet<NodeId> = contacted.iter().map(|(node, _)| node.id()).collect();
            let ids = nodes.filter_map(at).map(Node::id);
            skipped.extend(ids.filter(|id| !asked.contains(id)));
        }
        for (node, request) in contacted {
            // A straggler must not keep the node connected.
            let node = node.unkept();
            let rpc = if M::DESCRIPTOR.streams_replies() {
                let replies = request.send_for_stream(node.link());
                Rpc::Streaming(observed_each(node.clone(), sent, replies).boxed())
            } else {
                Rpc::Unary(observed(node.clone(), sent, request.send(node.link())).boxed())
            };
            self.in_flight.push(InFlight(Some((node, rpc))));
        }
        skipped
    }
}

impl<R: 'static> GrpcFanOut<R> {
    /// The nodes that the requests go to.
    pub(super) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// How many nodes may still reply.
    pub(super) fn len(&self) -> usize {
        self.in_flight
            .iter()
            .filter(|in_flight| in_flight.0.is_some())
            .count()
    }

    /// Fails the call on a node that may still reply, and withdraws it there.
    pub(super) fn give_up(&mut self, node: NodeId, status: Status) -> Option<NodeError> {
        let is_of_node = |in_flight: &&mut InFlight<R>| {
            in_flight.0.as_ref().is_some_and(|(of, _)| of.id() == node)
        };
        let (node, _) = self.in_flight.iter_mut().find(is_of_node)?.0.take()?;
        Some(node.fail(self.sent, status))
    }

    /// Withdraws the RPCs that are in flight, and returns their nodes' errors: they have failed with `status`.
    pub(super) fn withdraw(&mut self, status: &Status) -> Vec<NodeError> {
        let late = std::mem::take(&mut self.in_flight).into_iter();
        let late = late.filter_map(|in_flight| in_flight.0);
        let late = late.map(|(node, _)| node.fail(self.sent, status.clone()));
        late.collect()
    }

    /// Lets the RPCs in flight go on as stragglers, within their nodes' limits.
    pub(super) fn let_go(&mut self) {
        let in_flight = self.in_flight.iter_mut();
        for (node, rpc) in in_flight.filter_map(|in_flight| in_flight.0.take()) {
            let call = rpc.finish(node.clone(), self.sent, self.deadline);
            node.stragglers().push(call);
        }
    }
}

impl<R> Stream for GrpcFanOut<R> {
    type Item = (NodeId, Arrived<R>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(event) = ready!(self.in_flight.poll_next_unpin(cx)) else {
                return Poll::Ready(None);
            };
            match event {
                RpcEvent::Last(node, outcome) => {
                    let outcome = outcome
                        .map(Some)
                        .map_err(|status| node.info().error(status));
                    return Poll::Ready(Some((node.id(), outcome)));
                }
                RpcEvent::Next(node, reply, rest) => {
                    let id = node.id();
                    self.in_flight
                        .push(InFlight(Some((node, Rpc::Streaming(rest)))));
                    return Poll::Ready(Some((id, Ok(Some(reply)))));
                }
                RpcEvent::End(node) => return Poll::Ready(Some((node, Ok(None)))),
                RpcEvent::GivenUp => {}
            }
        }
    }
}

/// Records the outcome of `call` as an observation of the node.
async fn observed<R>(
    node: Node,
    sent: Instant,
    call: impl Future<Output = Result<R, Status>>,
) -> Result<R, Status> {
    let outcome = call.await;
    node.observe(sent, outcome)
}

/// Records the outcomes of a call with `replies` as observations of the node.
fn observed_each<R>(
    node: Node,
    sent: Instant,
    replies: impl Stream<Item = Result<R, Status>>,
) -> impl Stream<Item = Result<R, Status>> {
    replies.map(move |reply| match reply {
        Ok(reply) => {
            telemetry::replied(|| node.info().address(), || sent.elapsed());
            Ok(reply)
        }
        Err(status) => Err(node.info().fail(sent, status)),
    })
}

/// The RPC to one node. `None` once it has returned its event.
struct InFlight<R>(Option<(Node, Rpc<R>)>);

/// An RPC in flight, by the form of its answer.
enum Rpc<R> {
    Unary(BoxFuture<'static, Result<R, Status>>),
    Streaming(BoxStream<'static, Result<R, Status>>),
}

/// What happens next on one node.
enum RpcEvent<R> {
    /// The only reply, or an error. No more follow.
    Last(Node, Result<R, Status>),
    /// One reply of several.
    Next(Node, R, BoxStream<'static, Result<R, Status>>),
    /// The node sends no more.
    End(NodeId),
    /// Nobody waits for it any more.
    GivenUp,
}

impl<R: 'static> Rpc<R> {
    /// Runs the RPC to its end, or until `deadline`, and discards its replies.
    async fn finish(self, node: Node, sent: Instant, deadline: Deadline) {
        let end = async {
            match self {
                Self::Unary(reply) => drop(reply.await),
                Self::Streaming(mut replies) => while let Some(Ok(_)) = replies.next().await {},
            }
        };
        match deadline.instant() {
            Some(at) => {
                if tokio::time::timeout_at(at, end).await.is_err() {
                    node.fail(sent, Deadline::exceeded());
                }
            }
            None => end.await,
        }
    }
}

impl<R> Future for InFlight<R> {
    type Output = RpcEvent<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((_, rpc)) = &mut self.0 else {
            return Poll::Ready(RpcEvent::GivenUp);
        };
        let next = guard(|| match rpc {
            Rpc::Unary(reply) => reply.poll_unpin(cx).map(Some),
            Rpc::Streaming(replies) => replies.poll_next_unpin(cx),
        });
        let next = match next {
            Ok(next) => ready!(next),
            Err(Panicked(message)) => {
                let text = format!("the call panicked: {message}");
                Some(Err(Status::internal(text)))
            }
        };
        let Some((node, rpc)) = self.0.take() else {
            return Poll::Ready(RpcEvent::GivenUp);
        };
        Poll::Ready(match (next, rpc) {
            (None, _) => RpcEvent::End(node.id()),
            (Some(Ok(reply)), Rpc::Streaming(rest)) => RpcEvent::Next(node, reply, rest),
            (Some(outcome), _) => RpcEvent::Last(node, outcome),
        })
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::manager::Manager;

    #[tokio::test]
    async fn a_call_that_panics_is_its_nodes_error() {
        let manager = Manager::builder().address("10.0.0.1:4000").connect_lazy();
        let manager = manager.await.expect("not connected yet");
        let node = manager.nodes().next().expect("a node");
        let calls = [
            Rpc::<()>::Unary(async { panic!("as asked") }.boxed()),
            Rpc::Streaming(futures::stream::poll_fn(|_| panic!("as asked")).boxed()),
        ];
        for call in calls {
            let RpcEvent::Last(_, outcome) = InFlight(Some((node.clone(), call))).await else {
                panic!("there is more to come");
            };
            let status = outcome.expect_err("it panicked");
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(status.message(), "the call panicked: as asked");
        }
    }
}
