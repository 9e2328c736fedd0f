//! A key-value store with a method for every call type.
//!
//! The structs, and the modules `storage_client` and `storage_gorums`, are generated from this proto:
//!
//! ```proto
#![doc = include_str!("storage.proto")]
//! ```

include!("generated/storage.rs");

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

#[doc(hidden)]
pub use super::prelude::*;
pub use storage_gorums::{
    StorageCalls, StorageConfiguration, StorageNode, StorageQuorumSpec, StorageReplica,
    StorageReplicaServer, methods,
};

/// Keeps the newest version of each entry.
#[derive(Debug, Default)]
pub struct Entries(Mutex<HashMap<String, Entry>>);

impl Entries {
    /// The entry with this key, or an empty one.
    pub fn get(&self, key: &Key) -> Entry {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&key.name).cloned().unwrap_or_default()
    }

    /// Whether the entry is newer than the one before, and was stored therefore.
    pub fn put(&self, entry: Entry) -> bool {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = entries.entry(entry.key.clone()).or_default();
        let is_new = entry.version > current.version;
        if is_new {
            *current = entry;
        }
        is_new
    }
}

/// A replica that keeps its entries in memory.
#[derive(Debug, Default)]
pub struct Replica {
    entries: Entries,
}

impl StorageReplica for Replica {
    handlers! {
        get read read_agreed collect collect_async read_correctable
        hint spread write write_shards write_future history follow
    }
}

/// Decides by majorities, any two of which have a replica in common.
#[derive(Clone, Debug)]
pub struct Majority {
    /// The majorities.
    pub quorums: Quorums<NodeId>,
}

impl StorageQuorumSpec for Majority {
    quorum_functions! {
        read write write_shards write_future read_agreed read_correctable follow
    }
}

/// The service on the nodes of `configuration`, decided by majorities.
pub fn majority_of(configuration: &Configuration) -> StorageConfiguration<Majority> {
    let quorums = configuration.majority();
    StorageConfiguration::new(configuration.clone()).with_spec(Majority { quorums })
}

/// An entry with the key that [`key`] returns.
pub fn entry(value: &str, version: u64) -> Entry {
    Entry {
        key: key().name,
        value: value.to_owned(),
        version,
    }
}

/// The key of the examples.
pub fn key() -> Key {
    let name = "k".to_owned();
    Key { name }
}

/// Three replicas in memory that have the entry `one`.
///
/// # Errors
///
/// If a replica cannot be connected to.
pub async fn cluster()
-> Result<(testing::Replicas, StorageConfiguration<Majority>), Box<dyn std::error::Error>> {
    let start = |_| {
        let replica = Replica::default();
        replica.entries.put(entry("one", 1));
        StorageReplicaServer::new(replica)
    };
    let replicas = testing::replicas(3, start).await?;
    let storage = majority_of(&replicas.configuration());
    Ok((replicas, storage))
}
