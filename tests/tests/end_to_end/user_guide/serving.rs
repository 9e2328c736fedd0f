//! Servers.

use std::time::Duration;

use gorums_runtime::Server;
use gorums_runtime::server::{Health, Router, StreamLimits, recommended_server};

use crate::user_guide::Outcome;
use crate::user_guide::service::Replica;
use crate::user_guide::storage::storage_gorums::StorageReplicaServer;

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
    let health = Health::new();
    let server = Server::new(router).health(&health).reflection(descriptors);
    health.set_ready(false).await;
    server.bind("127.0.0.1:0").await?.start().shutdown().await?;
    Ok(())
}

#[tokio::test]
async fn a_tonic_server_of_ones_own() -> Outcome {
    let router = Router::new().add_replica(StorageReplicaServer::new(Replica::default()));
    let address = "127.0.0.1:0".parse()?;
    let stop = std::future::ready(());
    let streams = router.stream_shutdown();
    let mut server = recommended_server(tonic::transport::Server::builder());
    let serving =
        server
            .add_routes(router.into_routes())
            .serve_with_shutdown(address, async move {
                stop.await;
                streams.begin();
            });
    serving.await?;
    Ok(())
}

#[tokio::test]
async fn limits() -> Outcome {
    let replica = StorageReplicaServer::new(Replica::default()).timeout(Duration::from_secs(5));
    let limits = StreamLimits::new()
        .handlers(64)
        .stall_timeout(Duration::from_secs(10));
    let router = Router::new().add_replica(replica).stream_limits(limits);
    let server = Server::new(router)
        .max_message_size(16 * 1024 * 1024)
        .max_connections(1000);
    server.bind("127.0.0.1:0").await?.start().shutdown().await?;
    Ok(())
}
