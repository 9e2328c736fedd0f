//! Servers.

use gorums_runtime::{Router, Server};

use crate::Outcome;
use crate::service::Replica;
use crate::storage::storage_gorums::StorageReplicaServer;

#[tokio::test]
async fn servers() -> Outcome {
    let router = Router::new().add_replica(StorageReplicaServer::new(Replica::default()));
    let server = Server::new(router).bind("127.0.0.1:0").await?;
    println!("serving on {}", server.address());
    let running = server.start();
    running.shutdown().await?;
    Ok(())
}

#[tokio::test]
async fn standard_services() -> Outcome {
    let router = Router::new().add_replica(StorageReplicaServer::new(Replica::default()));
    // A descriptor set that is empty is a valid one.
    let descriptors = Vec::new();
    let server = Server::new(router).health().reflection(descriptors);
    server.bind("127.0.0.1:0").await?.start().shutdown().await?;
    Ok(())
}
