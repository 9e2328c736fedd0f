//! The fan-out of one request to the nodes of a configuration.
//!
//! Owns the requests of one call that are in flight, on either transport. Imports `configuration`, `node`, `grpc`,
//! `node_stream` and what is below them. Does not know how a call is decided.

mod address;
mod grpc;
mod node_stream;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use prost::Message;
use tonic::Status;

use crate::call::{CallOptions, Deadline, Envelope, Method, PerNode, ReplyLimit, Transport};
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::node_info::NodeError;

pub(crate) use address::address;
use grpc::GrpcFanOut;
pub(crate) use node_stream::NodeStreamFanOut;

/// The requests of one call that are in flight. A stream of the nodes' replies and errors, in order of arrival.
///
/// A slow node does not delay the others. Dropping the stream withdraws the requests.
pub(crate) enum FanOut<R> {
    Grpc(GrpcFanOut<R>),
    NodeStream(NodeStreamFanOut<R>),
}

impl<R: Message + Default + 'static> FanOut<R> {
    /// Addresses `request` to the nodes of `configuration`, in its order, skipping those for which `per_node`
    /// gives none.
    pub(crate) fn new<M: Method<Reply = R>>(
        configuration: Configuration,
        request: &M::Request,
        per_node: Option<PerNode<M::Request>>,
        options: CallOptions,
        deadline: Deadline,
    ) -> Self {
        let envelope = Envelope::new::<M>(options.metadata, deadline);
        match configuration.transport() {
            Transport::Grpc => Self::Grpc(GrpcFanOut::new::<M>(
                configuration,
                request,
                per_node,
                &envelope,
                deadline,
            )),
            Transport::NodeStream => Self::NodeStream(NodeStreamFanOut::send::<M>(
                configuration,
                request,
                per_node,
                envelope.metadata(),
                deadline,
            )),
        }
    }
}

impl<R: 'static> FanOut<R> {
    /// The nodes that the requests go to.
    pub(crate) fn configuration(&self) -> &Configuration {
        match self {
            Self::Grpc(fan_out) => fan_out.configuration(),
            Self::NodeStream(fan_out) => fan_out.configuration(),
        }
    }

    /// How many nodes may still reply.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Grpc(fan_out) => fan_out.len(),
            Self::NodeStream(fan_out) => fan_out.len(),
        }
    }

    /// What a call holds of one node's replies.
    pub(crate) fn reply_limit(&self) -> ReplyLimit {
        let node = self.configuration().any_node();
        node.message_options().reply_limit
    }

    /// Fails the call on a node that may still reply, and withdraws it there. Later messages of the node are ignored.
    pub(crate) fn give_up(&mut self, node: NodeId, status: Status) -> Option<NodeError> {
        match self {
            Self::Grpc(fan_out) => fan_out.give_up(node, status),
            Self::NodeStream(fan_out) => fan_out.give_up(node, status),
        }
    }

    /// Withdraws the requests because the deadline has passed, and returns the errors of the nodes that have
    /// not replied.
    pub(crate) fn withdraw_late(&mut self) -> Vec<NodeError> {
        match self {
            Self::Grpc(fan_out) => fan_out.withdraw_late(),
            Self::NodeStream(fan_out) => fan_out.withdraw_late(),
        }
    }

    /// Lets the requests go on as stragglers.
    pub(crate) fn let_go(&mut self) {
        match self {
            Self::Grpc(fan_out) => fan_out.let_go(),
            Self::NodeStream(fan_out) => fan_out.let_go(),
        }
    }
}

impl<R: Message + Default + 'static> Stream for FanOut<R> {
    type Item = (NodeId, Result<R, NodeError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Grpc(fan_out) => fan_out.poll_next_unpin(cx),
            Self::NodeStream(fan_out) => fan_out.poll_next_unpin(cx),
        }
    }
}
