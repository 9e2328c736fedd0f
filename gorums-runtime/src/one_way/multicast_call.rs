//! A multicast before it starts.

use std::fmt;

use super::multicast::Multicast;
use super::sending::Sending;
use crate::caller::Caller;
use crate::configuration::Configuration;
use crate::deadline::Deadline;
use crate::fan_out::PerNode;
use crate::grpc::Envelope;
use crate::guard::guard;
use crate::id::NodeId;
use crate::method::Method;
use crate::node::Node;
use crate::options::CallOptions;
use crate::stream::OneWayMessage;
use crate::telemetry::CallSpan;
use crate::transport::Transport;

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
            configuration: caller.configuration().clone(),
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
            request,
            per_node,
            options,
        } = self;
        let span = CallSpan::multicast(M::DESCRIPTOR, &configuration, &options);
        let deadline = options.deadline();
        let envelope = Envelope::new::<M>(options.metadata, deadline);
        let sending = span.in_scope(|| match configuration.transport() {
            Transport::NodeStream => {
                let messages =
                    || OneWayMessage::address::<M>(&configuration, &request, per_node, &envelope);
                Ok(send_all(
                    guard(messages)?,
                    Sending::on_node_stream,
                    deadline,
                ))
            }
            Transport::Grpc => {
                let send = match M::DESCRIPTOR.streams_requests() {
                    true => Sending::message,
                    false => Sending::call,
                };
                let requests = || envelope.address(&configuration, &request, per_node);
                Ok(send_all(guard(requests)?, send, deadline))
            }
        });
        Multicast::new(M::DESCRIPTOR.full_name(), sending, span)
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
