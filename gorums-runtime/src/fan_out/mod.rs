//! The fan-out of one request to the nodes of a configuration.
//!
//! Owns the requests of one call that are in flight, on either transport. Imports `configuration`, `node`, `grpc`,
//! `node_stream` and what is below them. Does not know how a call is decided.

mod address;
mod arrived;
mod grpc;
mod node_stream;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use prost::Message;
use tokio::time::Instant;
use tonic::Status;

use crate::call::{
    CallOptions, CallOutcome, Called, Deadline, Envelope, Method, PerNode, ReplyLimit, Transport,
    Watched,
};
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::node_info::NodeError;

pub(crate) use address::address;
pub(crate) use arrived::Arrived;
use grpc::GrpcFanOut;
pub(crate) use node_stream::NodeStreamFanOut;

/// The requests of one call that are in flight. A stream of what arrives from the nodes, in order of arrival.
///
/// A slow node does not delay the others. Dropping the stream withdraws the requests.
pub(crate) struct FanOut<R> {
    requests: Requests<R>,
    envelope: Envelope,
    watched: Watched,
}

enum Requests<R> {
    Grpc(GrpcFanOut<R>),
    NodeStream(NodeStreamFanOut<R>),
    /// An interceptor refused the call, so it fails on all nodes, or there are none.
    Refused(Configuration, VecDeque<NodeError>),
}

impl<R: Message + Default + 'static> FanOut<R> {
    /// A call of `request` on nodes of `configuration`. It is sent to those that are [contacted](Self::contact).
    pub(crate) fn new<M: Method<Reply = R>>(
        configuration: Configuration,
        request: &mut M::Request,
        mut options: CallOptions,
        deadline: Deadline,
    ) -> Self {
        let Some(node) = configuration.any_node() else {
            return Self::refused::<M>(configuration, VecDeque::new());
        };
        let started = Instant::now();
        let called = Called {
            configuration: Some(configuration.id()),
            messages: node.message_options(),
            started: Some(started),
        };
        let nodes = configuration.node_ids();
        let watched = match Watched::start::<M>(called, nodes, request, &mut options, deadline) {
            Ok(watched) => watched,
            Err(refusal) => {
                let nodes = configuration.nodes();
                let errors = nodes
                    .map(|node| node.info().error(refusal.clone()))
                    .collect();
                return Self::refused::<M>(configuration, errors);
            }
        };
        let envelope = Envelope::new::<M>(options.metadata, deadline);
        let requests = match configuration.transport() {
            Transport::Grpc => Requests::Grpc(GrpcFanOut::new(configuration, deadline)),
            Transport::NodeStream => {
                Requests::NodeStream(NodeStreamFanOut::new::<M>(configuration, deadline, started))
            }
        };
        Self {
            requests,
            envelope,
            watched,
        }
    }

    /// Sends `request` to the nodes at these indices of the configuration, in their order, or what `per_node` makes of it
    /// for each, if it makes one. Returns the nodes for which it makes none.
    pub(crate) fn contact<M: Method<Reply = R>>(
        &mut self,
        request: &M::Request,
        per_node: Option<&mut PerNode<M::Request>>,
        nodes: impl Iterator<Item = usize> + Clone,
    ) -> Vec<NodeId> {
        match &mut self.requests {
            Requests::Grpc(fan_out) => {
                fan_out.contact::<M>(request, per_node, nodes, &self.envelope)
            }
            Requests::NodeStream(fan_out) => {
                fan_out.contact::<M>(request, per_node, nodes, self.envelope.metadata())
            }
            Requests::Refused(..) => Vec::new(),
        }
    }

    /// A call that is sent to no node.
    fn refused<M: Method>(configuration: Configuration, errors: VecDeque<NodeError>) -> Self {
        Self {
            requests: Requests::Refused(configuration, errors),
            envelope: Envelope::new::<M>(None, Deadline::none()),
            watched: Watched::default(),
        }
    }
}

impl<R: Send + 'static> FanOut<R> {
    /// The nodes that the requests go to.
    pub(crate) fn configuration(&self) -> &Configuration {
        match &self.requests {
            Requests::Grpc(fan_out) => fan_out.configuration(),
            Requests::NodeStream(fan_out) => fan_out.configuration(),
            Requests::Refused(configuration, _) => configuration,
        }
    }

    /// How many of the contacted nodes may still reply.
    pub(crate) fn len(&self) -> usize {
        match &self.requests {
            Requests::Grpc(fan_out) => fan_out.len(),
            Requests::NodeStream(fan_out) => fan_out.len(),
            Requests::Refused(_, errors) => errors.len(),
        }
    }

    /// What a call holds of one node's replies.
    pub(crate) fn reply_limit(&self) -> ReplyLimit {
        let node = self.configuration().any_node();
        node.map_or_else(ReplyLimit::default, |node| {
            node.message_options().reply_limit
        })
    }

    /// Fails the call on a node that may still reply, and withdraws it there. Later messages of the node are ignored.
    pub(crate) fn give_up(&mut self, node: NodeId, status: Status) -> Option<NodeError> {
        let error = match &mut self.requests {
            Requests::Grpc(fan_out) => fan_out.give_up(node, status),
            Requests::NodeStream(fan_out) => fan_out.give_up(node, status),
            Requests::Refused(..) => None,
        };
        error.inspect(|error| self.show_error(error))
    }

    /// Withdraws the requests because the deadline has passed, and returns the errors of the nodes that have
    /// not replied.
    pub(crate) fn withdraw_late(&mut self) -> Vec<NodeError> {
        let errors = match &mut self.requests {
            Requests::Grpc(fan_out) => fan_out.withdraw(&Deadline::exceeded()),
            Requests::NodeStream(fan_out) => fan_out.withdraw_late(),
            Requests::Refused(_, errors) => errors.drain(..).collect(),
        };
        for error in &errors {
            self.show_error(error);
        }
        errors
    }

    /// Withdraws the requests, and returns the errors of the nodes that have not replied: they have failed with `status`.
    pub(crate) fn withdraw(&mut self, status: &Status) -> Vec<NodeError> {
        let errors = match &mut self.requests {
            Requests::Grpc(fan_out) => fan_out.withdraw(status),
            Requests::NodeStream(fan_out) => fan_out.withdraw_as(status),
            Requests::Refused(_, errors) => errors.drain(..).collect(),
        };
        for error in &errors {
            self.show_error(error);
        }
        errors
    }

    /// Lets the requests go on as stragglers.
    pub(crate) fn let_go(&mut self) {
        match &mut self.requests {
            Requests::Grpc(fan_out) => fan_out.let_go(),
            Requests::NodeStream(fan_out) => fan_out.let_go(),
            Requests::Refused(..) => {}
        }
    }

    /// Shows the call's interceptors how it ended.
    pub(crate) fn end(&mut self, outcome: CallOutcome) {
        self.watched.end(outcome);
    }

    fn show_error(&mut self, error: &NodeError) {
        // An error cannot be rejected.
        let _ = self.watched.node::<R>(error.node_id(), Err(error.status()));
    }

    /// Shows a node's outcome to the call's interceptors. Returns what they make of it.
    #[cold]
    fn show(&mut self, node: NodeId, mut outcome: Arrived<R>) -> Arrived<R> {
        let shown = match &mut outcome {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => return outcome,
            Err(error) => Err(error.status()),
        };
        match self.watched.node(node, shown) {
            Ok(()) => outcome,
            Err(rejection) => self.reject(node, rejection).map_or(outcome, Err),
        }
    }

    /// Fails the call on a node whose reply is rejected. It may still be sending others.
    fn reject(&mut self, node: NodeId, rejection: Status) -> Option<NodeError> {
        let withdrawn = match &mut self.requests {
            Requests::Grpc(fan_out) => fan_out.give_up(node, rejection.clone()),
            Requests::NodeStream(fan_out) if fan_out.streams_replies() => {
                fan_out.give_up(node, rejection.clone())
            }
            Requests::NodeStream(_) | Requests::Refused(..) => None,
        };
        withdrawn.or_else(|| {
            let node = self.configuration().node(node).ok()?;
            Some(node.info().error(rejection))
        })
    }
}

impl<R: Message + Default + 'static> Stream for FanOut<R> {
    type Item = (NodeId, Arrived<R>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.requests {
            Requests::Grpc(fan_out) => fan_out.poll_next_unpin(cx),
            Requests::NodeStream(fan_out) => fan_out.poll_next_unpin(cx),
            Requests::Refused(_, errors) => {
                let next = errors.pop_front();
                return Poll::Ready(next.map(|error| (error.node_id(), Err(error))));
            }
        };
        match next {
            Poll::Ready(Some((node, outcome))) if self.watched.is_watched() => {
                let outcome = self.show(node, outcome);
                Poll::Ready(Some((node, outcome)))
            }
            next => next,
        }
    }
}
