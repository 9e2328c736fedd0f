//! The events of calls: replies and failures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use tracing::Level;

use super::TARGET;
use crate::call::MethodDescriptor;
use crate::identity::{NodeAddress, NodeId};

/// Emits the event that a node has replied after `duration`.
pub(crate) fn replied(
    node: impl FnOnce() -> Arc<NodeAddress>,
    duration: impl FnOnce() -> Duration,
) {
    if !tracing::enabled!(target: TARGET, Level::TRACE) {
        return;
    }
    let node = node();
    tracing::event!(
        target: TARGET,
        Level::TRACE,
        {
            gorums.node.id = node.id.get(),
            server.address = node.host(),
            server.port = node.address.port(),
            duration_us = micros(duration()),
        },
        "reply"
    );
}

/// Emits the event that a call failed on a node.
pub(crate) fn failed(node: &NodeAddress, duration: Duration, status: &Status) {
    tracing::event!(
        target: TARGET,
        Level::DEBUG,
        {
            gorums.node.id = node.id.get(),
            server.address = node.host(),
            server.port = node.address.port(),
            duration_us = micros(duration),
            rpc.grpc.status_code = i32::from(status.code()),
            error = status.message(),
        },
        "failure"
    );
}

/// Emits the event that a handler of `method` keeps its turn on a stream of `peer` at `address`, while `waiting`
/// requests wait behind it.
pub(crate) fn kept_turn(
    method: &MethodDescriptor,
    peer: Option<NodeId>,
    address: Option<SocketAddr>,
    waiting: usize,
) {
    tracing::event!(
        target: TARGET,
        Level::WARN,
        {
            rpc.service = method.service(),
            rpc.method = method.name(),
            gorums.peer.id = peer.map(NodeId::get),
            client.address = address.map(|address| tracing::field::display(address.ip())),
            client.port = address.map(|address| address.port()),
            gorums.waiting = waiting,
        },
        "handler_keeps_turn"
    );
}

/// Emits the event that two processes claim to be the same node.
pub(crate) fn claimed_again(id: NodeId) {
    tracing::event!(
        target: TARGET,
        Level::WARN,
        { gorums.node.id = id.get() },
        "node_id_claimed_again"
    );
}

/// Emits the event that the handshake with a client at `address` failed.
pub(crate) fn handshake_failed(why: &str, address: Option<SocketAddr>) {
    tracing::event!(
        target: TARGET,
        Level::WARN,
        {
            client.address = address.map(|address| tracing::field::display(address.ip())),
            client.port = address.map(|address| address.port()),
            error = why,
        },
        "tls_handshake_failed"
    );
}

/// Emits the event that a client at `address` claims to be a member, which its certificate does not prove.
#[cfg(feature = "_tls-any")]
pub(crate) fn claim_refused(claimed: NodeId, why: &str, address: Option<SocketAddr>) {
    tracing::event!(
        target: TARGET,
        Level::WARN,
        {
            gorums.peer.id = claimed.get(),
            client.address = address.map(|address| tracing::field::display(address.ip())),
            client.port = address.map(|address| address.port()),
            error = why,
        },
        "node_id_refused"
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
