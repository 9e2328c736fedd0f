//! The spans and events that calls emit to [tracing]. This page lists all their names.
//!
//! Without a subscriber, tracing costs a call a few atomic loads. The target of all spans and events is
//! `gorums_runtime`. Where OpenTelemetry's conventions for RPCs define a name, it is used.
//!
//! # Spans
//!
//! A call is a span of level `DEBUG`, from its start until it ends or is dropped, and so is a handler. The span is
//! current while the call is polled, so it contains the events of the call's nodes and whatever a quorum function logs.
//!
//! | span | of |
//! |---|---|
//! | `quorum_call` | [`QuorumCall`](crate::QuorumCall), also as a [handle](crate::calls::QuorumCallHandle), an [aggregation](crate::AggregateCall) or a [`Correctable`](crate::Correctable) |
//! | `responses` | [`Responses`](crate::calls::Responses) |
//! | `node_call` | [`NodeCall`](crate::NodeCall) |
//! | `multicast` | [`Multicast`](crate::Multicast), until each of its replicas has answered, or been sent the request on a stream |
//! | `unicast` | [`Unicast`](crate::Unicast), until its replica has answered |
//! | `handler` | a replica's handler of a call, while it runs. The spans of calls that it makes are inside it |
//!
//! | field | of | value |
//! |---|---|---|
//! | `otel.name` | all | the method and its service, such as `register.Register/Read` |
//! | `otel.kind` | all | `client`, or `server` for handlers |
//! | `rpc.system` | all | `grpc` |
//! | `rpc.service` | all | the service, such as `register.Register` |
//! | `rpc.method` | all | the method, such as `Read` |
//! | `gorums.configuration.id` | calls to several nodes | the configuration's id |
//! | `gorums.nodes` | calls to several nodes | the number of the configuration's nodes |
//! | `gorums.node.id`, `server.address`, `server.port` | calls to one node | the node |
//! | `gorums.deadline` | calls with a timeout | the timeout, such as `50ms` |
//! | `gorums.peer.id` | handlers | the id of the caller, if it is a member of the server's system |
//! | `gorums.outcome` | calls, once they end | see below |
//!
//! | outcome | how the call ended |
//! |---|---|
//! | `decided` | its quorum function decided; responses: their reader stopped reading |
//! | `incomplete`, `deadline_exceeded`, `closed`, `cancelled`, `panicked` | see [`QuorumCallErrorKind`](crate::errors::QuorumCallErrorKind) |
//! | `answered` | its node replied; responses: all nodes replied or failed |
//! | `sent` | one-way calls: the request was handed to the transport on all nodes |
//! | `failed` | one-way calls and calls to one node: with an error |
//! | `detached` | one-way calls: its caller detached it |
//! | `cancelled` | it was dropped |
//!
//! # Traces
//!
//! With the [interceptor](crate::interceptors) `TraceContext`, which needs the crate's feature `opentelemetry`, a handler's
//! span is a child of the span of the call that it serves, in the other process: calls carry the W3C trace context.
//!
//! # Events
//!
//! Each reply is an event of level `TRACE` with the message `reply`. Each failure of a node is an event of level
//! `DEBUG` with the message `failure`. If a node answers after the call was decided, its event is outside the call's
//! span.
//!
//! A server whose client claims the id of a member that has a stream from another process emits an event of level
//! `WARN` with the message `node_id_claimed_again` and the field `gorums.node.id`. The older stream ends.
//!
//! If a client claims the id of a member, and its certificate does not prove that, the server refuses it and emits an
//! event of level `WARN` with the message `node_id_refused`.
//!
//! A server emits an event of level `WARN` with the message `tls_handshake_failed` if a client's TLS handshake fails, if a
//! client connects without TLS to a server that uses it, or the other way round. Clients that say nothing are not
//! reported, because load balancers connect only to see whether the port is open.
//!
//! A server emits an event of level `WARN` with the message `handler_keeps_turn`, once per handler, if the handler has kept its
//! turn on a node stream for a second while other requests of the stream wait behind it. Such a handler should
//! call [`release`](crate::Context::release): if it waits for a peer whose own handler waits for one of these requests,
//! neither ever ends.
//!
//! | field | value |
//! |---|---|
//! | `rpc.service`, `rpc.method` | of a handler that keeps its turn: its method |
//! | `gorums.peer.id`, `client.address`, `client.port` | of such a handler: the caller, as far as it is known; of a client that is refused: the id that it claims, and its address; of a failed handshake: the client's address |
//! | `gorums.waiting` | of such a handler: the number of requests that wait |
//! | `gorums.node.id`, `server.address`, `server.port` | the node |
//! | `duration_us` | the time since the request was sent, in microseconds, as a number |
//! | `rpc.grpc.status_code` | of a failure: the number of the status code |
//! | `error` | of a failure: the message of the status; of a client that is refused: what its certificate proves; of a failed handshake: why, and what to do |

// Owns the names of all spans and events. Imports `call` and `identity`. Does not know how a call runs: each kind of
// call creates its span and reports its outcome.

mod event;
mod span;

#[cfg(feature = "_tls-any")]
pub(crate) use event::claim_refused;
pub(crate) use event::{claimed_again, failed, handshake_failed, kept_turn, replied};
pub(crate) use span::{CallSpan, handler_span};

const TARGET: &str = "gorums_runtime";
