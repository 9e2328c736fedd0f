//! A multicast before it starts.

use std::fmt;

use super::multicast::Multicast;
use super::sending::Sending;
use crate::call::{CallOptions, Called, Deadline, Envelope, Method, PerNode, Transport, Watched};
use crate::caller::Caller;
use crate::configuration::Configuration;
use crate::fan_out::address;
use crate::grpc::EncodedRequest;
use crate::identity::NodeId;
use crate::node::Node;
use crate::node_stream::OneWayMessage;
use crate::support::guard;
use crate::telemetry::CallSpan;

/// A one-way call to all nodes that has not started.
#[must_use = "a call does nothing until it is started"]
pub struct MulticastCall<M: Method> {
    configuration: Configuration,
    request: M::Request,
    per_node: Option<PerNode<M::Request>>,
    options: CallOptions,
}

impl<M: Method> MulticastCall<M> {
    /// A call that sends `request` to every node of `caller`. For generated code.
    pub fn new<Q>(caller: &Caller<Q>, request: M::Request) -> Self {
        Self {
            configuration: caller.configuration(),
            request,
            per_node: None,
            options: caller.options().clone(),
        }
    }

    /// A call that sends each node what `per_node` makes of `request` for it, or nothing. For generated code.
    pub fn per_node<Q>(
        caller: &Caller<Q>,
        request: M::Request,
        per_node: impl FnMut(&M::Request, NodeId) -> Option<M::Request> + Send + 'static,
    ) -> Self {
        Self {
            per_node: Some(Box::new(per_node)),
            ..Self::new(caller, request)
        }
    }

    /// Sends the requests.
    pub fn start(self) -> Multicast {
        let Self {
            configuration,
            mut request,
            mut per_node,
            mut options,
        } = self;
        let (id, nodes) = (configuration.id(), configuration.size());
        let span = CallSpan::multicast(M::DESCRIPTOR, id, nodes, &options);
        let deadline = options.deadline();
        let withdrawal = options.withdrawal();
        let method = M::DESCRIPTOR.full_name();
        let Some(node) = configuration.any_node() else {
            return Multicast::new(method, Ok(Vec::new()), span, Watched::default(), withdrawal);
        };
        let called = Called {
            configuration: Some(id),
            messages: node.message_options(),
            started: None,
        };
        let ids = configuration.node_ids();
        let watched = span
            .in_scope(|| Watched::start::<M>(called, ids, &mut request, &mut options, deadline));
        let watched = match watched {
            Ok(watched) => watched,
            Err(refusal) => {
                let nodes = configuration.nodes().cloned();
                let refused = nodes.map(|node| Sending::refused(node, refusal.clone()));
                return Multicast::new(
                    method,
                    Ok(refused.collect()),
                    span,
                    Watched::default(),
                    withdrawal,
                );
            }
        };
        let envelope = Envelope::new::<M>(options.metadata, deadline);
        let sending = span.in_scope(|| match configuration.transport() {
            Transport::NodeStream => {
                let seal = |request: &M::Request, node: &Node| {
                    let number = node.stream().calls().one_way();
                    OneWayMessage::new(number, &envelope, request, node.message_options())
                };
                let messages =
                    guard(|| address(configuration.nodes(), &request, per_node.as_mut(), seal))?;
                Ok(send_all(messages, Sending::on_node_stream, deadline))
            }
            Transport::Grpc => {
                let send = match M::DESCRIPTOR.streams_requests() {
                    true => Sending::message,
                    false => Sending::call,
                };
                let seal = |request: &M::Request, node: &Node| {
                    EncodedRequest::new(&envelope, request, node.message_options())
                };
                let requests =
                    guard(|| address(configuration.nodes(), &request, per_node.as_mut(), seal))?;
                Ok(send_all(requests, send, deadline))
            }
        });
        Multicast::new(method, sending, span, watched, withdrawal)
    }
}

/// Sends each node its request.
fn send_all<T>(
    requests: Vec<(Node, T)>,
    send: fn(Node, T, Deadline) -> Sending,
    deadline: Deadline,
) -> Vec<Sending> {
    let requests = requests.into_iter();
    requests
        .map(|(node, request)| send(node, request, deadline))
        .collect()
}

impl<M: Method> fmt::Debug for MulticastCall<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MulticastCall")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("configuration", &self.configuration.id())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
