//! A node's id and addresses.

use std::fmt;
use std::sync::Arc;

use super::address::Address;
use super::id::NodeId;
use super::node_spec::NodeSpec;

/// A node's id and addresses, as errors and events name them.
#[derive(Clone, Debug)]
pub(crate) struct NodeAddress {
    pub(crate) id: NodeId,
    /// The address as it was given to the manager, such as `localhost:8080`.
    pub(crate) name: Arc<str>,
    /// The same, parsed.
    pub(crate) address: Address,
}

impl NodeAddress {
    /// The address as it was given, without its port. Of a Unix socket, its path.
    pub(crate) fn host(&self) -> &str {
        #[cfg(unix)]
        if let Address::Unix(path) = &self.address {
            return path.to_str().unwrap_or_default();
        }
        let host = self.name.rsplit_once(':');
        let host = host.map_or(&*self.name, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn spec(&self) -> NodeSpec {
        NodeSpec {
            id: self.id,
            address: self.name.to_string(),
        }
    }
}

/// The id and the address: `node 3670673580 (127.0.0.1:8080)`.
impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.id, self.name)
    }
}
