//! How calls travel to the nodes.

/// How calls travel to the nodes of a manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// On one long-lived stream per node. Calls arrive at a node in the order in which they were started, and cost a
    /// fraction of a gRPC call. The nodes must be served by this crate, or by Gorums (Go, 2026).
    #[default]
    NodeStream,
    /// Each as a gRPC call of its own, so that a node can be any gRPC server. Calls arrive in any order.
    Grpc,
}
