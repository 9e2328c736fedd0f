//! What calls tell [tracing]'s subscribers: this page has all the names.
//!
//! Without a subscriber a call costs a few atomic loads more than it would without this. All is of the target
//! `gorums_runtime`. The names are those of OpenTelemetry's conventions for RPCs, where there is one.
//!
//! # Spans
//!
//! A call is a span of the level `DEBUG`, from when it starts until it ends or is dropped. It is the current span
//! while the call is polled, so that the events of its nodes, and what a quorum function logs, are inside.
//!
//! | span | is a |
//! |---|---|
//! | `quorum_call` | [`QuorumCall`](crate::QuorumCall), also as a [handle](crate::calls::QuorumCallHandle), an [aggregation](crate::AggregateCall) or a [`Correctable`](crate::Correctable) |
//! | `responses` | stream of [`Responses`](crate::calls::Responses) |
//! | `node_call` | [`NodeCall`](crate::NodeCall) |
//! | `multicast` | [`Multicast`](crate::Multicast), until the last of its replicas has answered, or was sent it on a stream |
//! | `unicast` | [`Unicast`](crate::Unicast), until its replica has answered |
//!
//! | field | of | value |
//! |---|---|---|
//! | `otel.name` | all | the method with its service, such as `register.Register/Read` |
//! | `otel.kind` | all | `client` |
//! | `rpc.system` | all | `grpc` |
//! | `rpc.service` | all | the service, such as `register.Register` |
//! | `rpc.method` | all | the method, such as `Read` |
//! | `gorums.configuration.id` | calls to several nodes | the configuration's id |
//! | `gorums.nodes` | calls to several nodes | how many nodes it has |
//! | `gorums.node.id`, `server.address`, `server.port` | calls to one node | the node |
//! | `gorums.deadline` | calls with a timeout | the timeout, such as `50ms` |
//! | `gorums.outcome` | all, in the end | see below |
//!
//! | outcome | the call ended |
//! |---|---|
//! | `decided` | with what its quorum function decided; responses: their reader let go of them |
//! | `incomplete`, `deadline_exceeded`, `closed`, `panicked` | as [`QuorumCallErrorKind`] tells |
//! | `answered` | with the reply of its one node; responses: with those, and the errors, of all nodes |
//! | `sent` | one-way: handed to the transport on all nodes |
//! | `failed` | to one node, or one-way: with an error |
//! | `detached` | one-way: nobody waits for it any more |
//! | `cancelled` | because it was dropped |
//!
//! # Events
//!
//! Each reply is an event of the level `TRACE` with the message `reply`, and each node's failure one of the level
//! `DEBUG` with the message `failure`. A node that answers after the call was decided makes an event outside of its
//! span.
//!
//! | field | value |
//! |---|---|
//! | `gorums.node.id`, `server.address`, `server.port` | the node |
//! | `duration` | the time since the request was sent, such as `2.5ms` |
//! | `rpc.grpc.status_code` | failures: the code's number |
//! | `error` | failures: the status's message |

use std::time::Duration;

use tonic::{Code, Status};
use tracing::field::Empty;
use tracing::{Level, Span};

use crate::configuration::Configuration;
use crate::method::MethodDescriptor;
use crate::node::Node;
use crate::node_error::NodeError;
use crate::options::CallOptions;
use crate::quorum_call::QuorumCallErrorKind;

const TARGET: &str = "gorums_runtime";

/// The span of one call. Dropping it before its outcome is known says that the call was cancelled.
#[derive(Debug)]
pub(crate) struct CallSpan(Span);

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Decided,
    Incomplete,
    DeadlineExceeded,
    Closed,
    Panicked,
    Answered,
    Sent,
    Failed,
    Detached,
    Cancelled,
}

/// A span for a call of `$method` with what the kind of call adds.
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

/// Makes the spans of one kind of call to several nodes.
macro_rules! span_of_nodes {
    ($name:ident) => {
        pub(crate) fn $name(
            method: MethodDescriptor,
            configuration: &Configuration,
            options: &CallOptions,
        ) -> Self {
            call_span!(
                stringify!($name),
                method,
                options,
                gorums.configuration.id = configuration.id().get(),
                gorums.nodes = configuration.size(),
            )
        }
    };
}

/// Makes the spans of one kind of call to one node.
macro_rules! span_of_node {
    ($name:ident) => {
        pub(crate) fn $name(method: MethodDescriptor, node: &Node, options: &CallOptions) -> Self {
            call_span!(
                stringify!($name),
                method,
                options,
                gorums.node.id = node.id().get(),
                server.address = host(node),
                server.port = node.socket_address().port(),
            )
        }
    };
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

    /// The span, for a step of the call that is a future.
    pub(crate) fn share(&self) -> Span {
        self.0.clone()
    }

    /// Ends the call, unless it has ended.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        let span = std::mem::replace(&mut self.0, Span::none());
        span.record("gorums.outcome", outcome.name());
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Incomplete => "incomplete",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Closed => "closed",
            Self::Panicked => "panicked",
            Self::Answered => "answered",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Detached => "detached",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<&QuorumCallErrorKind> for Outcome {
    fn from(kind: &QuorumCallErrorKind) -> Self {
        match kind {
            QuorumCallErrorKind::Incomplete => Self::Incomplete,
            QuorumCallErrorKind::DeadlineExceeded => Self::DeadlineExceeded,
            QuorumCallErrorKind::Closed => Self::Closed,
            QuorumCallErrorKind::Panicked(_) => Self::Panicked,
        }
    }
}

impl From<&NodeError> for Outcome {
    fn from(error: &NodeError) -> Self {
        match error.code() {
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            _ => Self::Failed,
        }
    }
}

/// Whether a subscriber may want to know of replies.
pub(crate) fn shows_replies() -> bool {
    tracing::enabled!(target: TARGET, Level::TRACE)
}

/// Tells that a node has sent a reply, after so long.
pub(crate) fn replied(node: &Node, duration: impl FnOnce() -> Duration) {
    tracing::event!(
        target: TARGET,
        Level::TRACE,
        {
            gorums.node.id = node.id().get(),
            server.address = host(node),
            server.port = node.socket_address().port(),
            duration = ?duration(),
        },
        "reply"
    );
}

/// Tells that a call failed on a node.
pub(crate) fn failed(node: &Node, duration: Duration, status: &Status) {
    tracing::event!(
        target: TARGET,
        Level::DEBUG,
        {
            gorums.node.id = node.id().get(),
            server.address = host(node),
            server.port = node.socket_address().port(),
            duration = ?duration,
            rpc.grpc.status_code = i32::from(status.code()),
            error = status.message(),
        },
        "failure"
    );
}

/// The node's address without its port.
fn host(node: &Node) -> &str {
    let address = node.address();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
