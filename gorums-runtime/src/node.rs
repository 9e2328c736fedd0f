//! One replica, as its clients see it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::NodeId;
use crate::stragglers::Stragglers;

/// A replica in a manager's pool. A cheap handle: clones share one connection.
///
/// The connection is kept open. A request whose connection breaks fails with `Unavailable` and is never sent
/// again by the runtime; the next request connects anew.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    id: NodeId,
    address: Arc<str>,
    socket_address: SocketAddr,
    channel: Channel,
    stragglers: Stragglers,
}

impl Node {
    pub(crate) fn new(
        id: NodeId,
        address: Arc<str>,
        socket_address: SocketAddr,
        channel: Channel,
        stragglers: Stragglers,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            address,
            socket_address,
            channel,
            stragglers,
        }))
    }

    /// The node's identity.
    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// The node's address as it was given to the manager, such as `localhost:8080`.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The address that the node is connected to.
    pub fn socket_address(&self) -> SocketAddr {
        self.0.socket_address
    }

    /// The gRPC channel to the node, for use with any tonic client.
    pub fn channel(&self) -> Channel {
        self.0.channel.clone()
    }

    pub(crate) fn shared_address(&self) -> Arc<str> {
        Arc::clone(&self.0.address)
    }

    /// Cancelled when the node's manager closes.
    pub(crate) fn closed(&self) -> &CancellationToken {
        self.0.stragglers.closed()
    }

    pub(crate) fn stragglers(&self) -> &Stragglers {
        &self.0.stragglers
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id())
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// The id and the address: `node 3670673580 (127.0.0.1:8080)`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.id(), self.address())
    }
}
