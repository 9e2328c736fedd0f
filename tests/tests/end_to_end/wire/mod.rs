//! The bytes on node streams.
//!
//! The messages of Gorums in Go were recorded from it (relab/gorums 3241d25b, service `proto.Storage`). They are in
//! hex, without gRPC's prefix of 5 bytes.

mod bytes;
mod client;
mod client_extensions;
mod client_replies;
mod documentation;
mod hostile_node;
pub(crate) mod message;
pub(crate) mod raw_client;
mod raw_server;
mod replica;
mod reverse;
mod server;
mod server_extensions;
mod server_headers;
mod server_keep_alive;
mod server_metadata;
mod server_numbers;
mod server_order;

use gorums_runtime::Manager;
use tests::golden::proto::storage_gorums::StorageConfiguration;
use tests::golden::proto::{ReadRequest, ReadResponse};
use tests::network::Network;

/// The storage service on the replicas 1 to `replicas` of `network`.
async fn storage(network: &Network, replicas: u8) -> (Manager, StorageConfiguration) {
    let manager = network.manager(replicas).connect_lazy().await;
    let manager = manager.expect("a manager");
    let storage = StorageConfiguration::new(manager.configuration());
    (manager, storage)
}

/// A request to read `key`.
fn key(key: &str) -> ReadRequest {
    let key = key.to_string();
    ReadRequest { key }
}

/// A reply with `value`.
fn value(value: &str) -> ReadResponse {
    ReadResponse {
        ok: true,
        value: value.to_string(),
        time: None,
    }
}
