//! Identities of nodes and configurations.

use std::fmt;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::str::FromStr;

/// The identity of a node within its manager's pool.
///
/// Either chosen by the user, above 0, or derived from the node's address with [`NodeId::from_address`], so that
/// all processes that know the same addresses agree on the ids.
///
/// ```
/// use gorums_runtime::NodeId;
///
/// let id = NodeId::from_address("127.0.0.1:8080".parse()?);
/// assert_eq!(id, NodeId::new(3670673580));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// The node id `id`. A manager refuses the id 0.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The id that a node has when only its address is given: FNV-1a, 32 bits, of `ip:port`. This is the rule of
    /// Gorums (2017).
    pub fn from_address(address: SocketAddr) -> Self {
        let mut hash = Fnv1a::new();
        hash.write(address.to_string().as_bytes());
        Self(hash.finish())
    }

    /// The id that a node has when only `text`, the address of a Unix socket, is given: by the same rule.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut hash = Fnv1a::new();
        hash.write(text.as_bytes());
        Self(hash.finish())
    }

    /// The id as a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for NodeId {
    type Err = ParseIntError;

    fn from_str(id: &str) -> Result<Self, ParseIntError> {
        id.parse().map(Self)
    }
}

impl From<u32> for NodeId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a configuration: the same for the same set of nodes, in whatever order, in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigurationId(u32);

impl ConfigurationId {
    /// The id of the configuration of `nodes`: FNV-1a, 32 bits, of the sorted node ids, each as four bytes in
    /// little-endian order. This is the rule of Gorums (2017).
    pub fn of(nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let mut nodes: Vec<NodeId> = nodes.into_iter().collect();
        nodes.sort_unstable();
        let mut hash = Fnv1a::new();
        for node in nodes {
            hash.write(&node.get().to_le_bytes());
        }
        Self(hash.finish())
    }

    /// The id as a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ConfigurationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// FNV-1a with 32 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
struct Fnv1a(u32);

impl Fnv1a {
    const OFFSET_BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;

    fn new() -> Self {
        Self(Self::OFFSET_BASIS)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(Self::PRIME);
        }
    }

    fn finish(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<NodeId> {
        ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"]
            .iter()
            .map(|address| NodeId::from_address(address.parse().expect("an address")))
            .collect()
    }

    #[test]
    fn node_ids_are_those_of_gorums_2017() {
        assert_eq!(
            ids(),
            [
                NodeId::new(3_670_673_580),
                NodeId::new(3_687_451_199),
                NodeId::new(3_704_228_818)
            ]
        );
    }

    #[test]
    fn a_configurations_id_does_not_depend_on_the_order_of_its_nodes() {
        let mut ids = ids();
        assert_eq!(
            ConfigurationId::of(ids.iter().copied()).get(),
            3_007_678_522
        );
        ids.reverse();
        assert_eq!(ConfigurationId::of(ids).get(), 3_007_678_522);
    }
}
