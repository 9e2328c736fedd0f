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
//! | `incomplete`, `deadline_exceeded`, `closed`, `panicked` | as [`QuorumCallErrorKind`](crate::errors::QuorumCallErrorKind) tells |
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

mod event;
mod span;

pub(crate) use event::{failed, replied};
pub(crate) use span::{CallSpan, Outcome};

const TARGET: &str = "gorums_runtime";
