//! The spans of calls.

use tracing::Span;
use tracing::field::Empty;

use super::TARGET;
use crate::call::{CallOptions, CallOutcome, MethodDescriptor};
use crate::identity::{ConfigurationId, NodeAddress, NodeId};

/// The span of one call. If it is dropped before the call ends, the call counts as cancelled.
#[derive(Debug)]
pub(crate) struct CallSpan(Span);

/// Creates the span of a call of `$method`, with the fields of its kind of call.
macro_rules! call_span {
    ($name:expr, $method:ident, $options:ident, $($field:tt)*) => {
        CallSpan(tracing::debug_span!(
            target: TARGET,
            $name,
            otel.name = $method.full_name(),
            otel.kind = "client",
            rpc.system = "grpc",
            rpc.service = $method.service(),
            rpc.method = $method.name(),
            gorums.deadline = $options.timeout.map(tracing::field::debug),
            gorums.outcome = Empty,
            $($field)*
        ))
    };
}

/// Creates the spans of one kind of call to several nodes.
macro_rules! span_of_nodes {
    ($name:ident) => {
        pub(crate) fn $name(
            method: MethodDescriptor,
            configuration: ConfigurationId,
            nodes: usize,
            options: &CallOptions,
        ) -> Self {
            call_span!(
                stringify!($name),
                method,
                options,
                gorums.configuration.id = configuration.get(),
                gorums.nodes = nodes,
            )
        }
    };
}

/// Creates the spans of one kind of call to one node.
macro_rules! span_of_node {
    ($name:ident) => {
        pub(crate) fn $name(
            method: MethodDescriptor,
            node: &NodeAddress,
            options: &CallOptions,
        ) -> Self {
            call_span!(
                stringify!($name),
                method,
                options,
                gorums.node.id = node.id.get(),
                server.address = node.host(),
                server.port = node.address.port(),
            )
        }
    };
}

/// Creates the span of a handler of `method`, called by `peer` if that is a member of the server's system.
#[inline]
pub(crate) fn handler_span(method: &MethodDescriptor, peer: Option<NodeId>) -> Span {
    tracing::debug_span!(
        target: TARGET,
        "handler",
        otel.name = method.full_name(),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = method.service(),
        rpc.method = method.name(),
        gorums.peer.id = peer.map(NodeId::get),
    )
}

impl CallSpan {
    span_of_nodes!(quorum_call);
    span_of_nodes!(responses);
    span_of_nodes!(multicast);
    span_of_node!(node_call);
    span_of_node!(unicast);

    /// Runs a step of the call inside its span.
    pub(crate) fn in_scope<T>(&self, step: impl FnOnce() -> T) -> T {
        self.0.in_scope(step)
    }

    /// Returns the span, for a step of the call that is a future.
    pub(crate) fn share(&self) -> Span {
        self.0.clone()
    }

    /// Records how the call ended, unless it has ended before.
    pub(crate) fn end(&mut self, outcome: CallOutcome) {
        let span = std::mem::replace(&mut self.0, Span::none());
        span.record("gorums.outcome", outcome.name());
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.end(CallOutcome::Cancelled);
    }
}
