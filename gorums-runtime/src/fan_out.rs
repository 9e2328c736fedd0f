//! One request on its way to the nodes of a configuration.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, Stream};
use tonic::Status;

use crate::deadline::Deadline;
use crate::grpc::Envelope;
use crate::options::CallOptions;
use crate::{Configuration, Method, Node, NodeId};

/// Makes each node's own request, or none to skip the node.
pub(crate) type PerNode<Request> = Box<dyn FnMut(&Request, NodeId) -> Option<Request> + Send>;

/// The RPCs of one call that are in flight. A stream of each node's outcome, in order of arrival.
///
/// Each RPC waits for its own node only. They make progress while the stream is polled; dropping it withdraws
/// them.
pub(crate) struct FanOut<R> {
    in_flight: FuturesUnordered<InFlight<R>>,
    deadline: Deadline,
}

impl<R: prost::Message + Default + 'static> FanOut<R> {
    /// Addresses `request` to the nodes of `configuration`, in its order, skipping those for which `per_node`
    /// gives none.
    pub(crate) fn new<M: Method<Reply = R>>(
        configuration: &Configuration,
        request: &M::Request,
        mut per_node: Option<PerNode<M::Request>>,
        options: CallOptions,
        deadline: Deadline,
    ) -> Self {
        let envelope = Envelope::new::<M>(options.metadata, deadline);
        let mut shared = None;
        let in_flight = configuration
            .nodes()
            .filter_map(|node| {
                let request = match &mut per_node {
                    None => shared.get_or_insert_with(|| envelope.seal(request)).clone(),
                    Some(per_node) => envelope.seal(&per_node(request, node.id())?),
                };
                Some(InFlight {
                    call: request.send(node.channel()).boxed(),
                    node: node.clone(),
                })
            })
            .collect();
        Self {
            in_flight,
            deadline,
        }
    }

    /// How many nodes have neither answered nor failed.
    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Withdraws the RPCs that are in flight, and returns their nodes.
    pub(crate) fn withdraw(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.in_flight)
            .into_iter()
            .map(|in_flight| in_flight.node)
            .collect()
    }

    /// Lets the RPCs that are in flight go on without their caller, within their nodes' bounds.
    pub(crate) fn let_go(self) {
        for InFlight { node, call } in self.in_flight {
            node.stragglers().push(call.map(drop), self.deadline);
        }
    }
}

impl<R> Stream for FanOut<R> {
    type Item = (Node, Result<R, Status>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.in_flight.poll_next_unpin(cx)
    }
}

/// The RPC to one node.
struct InFlight<R> {
    node: Node,
    call: BoxFuture<'static, Result<R, Status>>,
}

impl<R> Future for InFlight<R> {
    type Output = (Node, Result<R, Status>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.call
            .poll_unpin(cx)
            .map(|outcome| (self.node.clone(), outcome))
    }
}
