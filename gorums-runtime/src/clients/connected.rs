//! One client that is connected.

use crate::node::Node;
use crate::node_info::DISCONNECTED;
use crate::wire::{CallNumber, FROM_SERVER, StreamMessage};

use super::Clients;

/// A client while it is connected. Dropping it fails the calls on the client, and removes it.
#[derive(Debug)]
pub(crate) struct ConnectedClient {
    clients: Clients,
    node: Node,
}

impl ConnectedClient {
    pub(super) fn new(clients: Clients, node: Node) -> Self {
        Self { clients, node }
    }

    /// The client as a node.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Delivers a reply of the client to its call.
    pub(crate) fn deliver(&self, reply: StreamMessage<'_>) {
        let number = reply.number() & !FROM_SERVER;
        self.node.stream().deliver(reply.with_number(number));
    }

    /// Cancels the call with this number, because the client's reply to it was too large.
    pub(crate) fn cancel(&self, number: u64) {
        if let Some(number) = CallNumber::received(number & !FROM_SERVER) {
            self.node.stream().cancel(number);
        }
    }
}

impl Drop for ConnectedClient {
    fn drop(&mut self) {
        self.clients.remove(&self.node);
        self.node.remove(DISCONNECTED);
    }
}
