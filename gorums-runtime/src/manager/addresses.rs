//! Checks the addresses that a manager is given.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ManagerError;
use crate::identity::{Address, NodeAddress, NodeId, NodeSpec};

/// The address of a node with an id.
pub(super) fn node_address(id: NodeId, address: &str) -> Result<NodeAddress, ManagerError> {
    let address = NodeAddress {
        id,
        name: Arc::from(address),
        address: parse(address)?,
    };
    match id.get() {
        0 => Err(ManagerError::ReservedId {
            node: address.spec(),
        }),
        _ => Ok(address),
    }
}

/// Checks that no two nodes have one id or one address.
pub(super) fn check_distinct<'a>(
    addresses: impl IntoIterator<Item = &'a NodeAddress>,
) -> Result<(), ManagerError> {
    let mut by_id: HashMap<NodeId, NodeSpec> = HashMap::new();
    let mut by_address: HashMap<&Address, NodeSpec> = HashMap::new();
    for address in addresses {
        let second = address.spec();
        if let Some(first) = by_address.insert(&address.address, second.clone()) {
            return Err(ManagerError::DuplicateAddress { first, second });
        }
        if let Some(first) = by_id.insert(second.id, second.clone()) {
            return Err(ManagerError::DuplicateId { first, second });
        }
    }
    Ok(())
}

/// Parses an address (`host:port`).
pub(super) fn parse(address: &str) -> Result<Address, ManagerError> {
    Address::parse(address).map_err(|source| ManagerError::InvalidAddress {
        address: address.to_owned(),
        source,
    })
}
