//! Sets of nodes, and their connections.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::tonic::codec::CompressionEncoding;
use gorums_runtime::tonic::metadata::MetadataMap;
use gorums_runtime::tonic::transport::{ClientTlsConfig, ServerTlsConfig};
use gorums_runtime::{Backoff, Manager, NodeId, Server};
use tests::authority::Authority;

use crate::user_guide::Outcome;
use crate::user_guide::service::{Replica, cluster, entry, key, majority_of};
use crate::user_guide::storage::storage_gorums::{StorageConfiguration, StorageReplicaServer};

#[tokio::test]
async fn configurations() -> Outcome {
    let (replicas, storage) = cluster().await?;
    storage.read(key()).await?;
    let manager = replicas.manager();
    let all = manager.configuration();
    let some = manager.configuration_of([NodeId::new(1), NodeId::new(2)])?;
    let rest = all.difference(&some)?;
    assert_eq!(some.union(&rest), all);
    assert_eq!(some.intersection(&all)?, some);
    let fastest = all.sorted_by_latency().first(2)?;
    let reliable = all.sorted_by_error().first(2)?;
    assert_eq!((fastest.size(), reliable.size()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn nodes_that_come_and_go() -> Outcome {
    let (replicas, storage) = cluster().await?;
    storage.read(key()).await?;
    let manager = replicas.manager();
    let all = manager.configuration();
    let mut fastest = all.watch(Duration::from_secs(1), |all| {
        all.sorted_by_latency().first(2)
    });
    if let Some(Ok(two)) = fastest.next().await {
        println!("the fastest are {two:?}");
    }

    manager.add_node(NodeId::new(4), "10.0.0.4:4000").await?;
    manager.remove_node(NodeId::new(1))?;
    assert_eq!(all.size(), 3);
    assert!(manager.configuration().contains(NodeId::new(4)));

    let follows = StorageConfiguration::new(manager.membership());
    assert_eq!(follows.configuration(), manager.configuration());
    manager.set_address(NodeId::new(4), "10.0.0.7:4000")?;
    Ok(())
}

#[tokio::test]
async fn errors_of_nodes() -> Outcome {
    let (replicas, storage) = cluster().await?;
    let manager = replicas.manager().clone();
    let mut errors = manager.node_errors();
    replicas.stop(NodeId::new(2));
    storage.collect(key()).all().await.expect_err("one is down");
    manager.close();
    while let Some(error) = errors.next().await {
        eprintln!("{error} ({} missed)", errors.missed());
    }
    let stopped = manager.node(NodeId::new(2))?;
    assert!(stopped.last_error().is_some());
    Ok(())
}

#[tokio::test]
async fn connections() -> Outcome {
    let replica = StorageReplicaServer::new(Replica::default());
    let server = Server::new(replica.accept_compressed(CompressionEncoding::Zstd));
    let server = server.bind("127.0.0.1:0").await?.start();
    let address = server.address().to_string();

    let mut metadata = MetadataMap::new();
    metadata.insert("tenant", "alice".parse()?);
    let manager = Manager::builder()
        .node(NodeId::new(1), address)
        .connect_timeout(Duration::from_secs(2))
        .backoff(Backoff::new(
            Duration::from_millis(50),
            Duration::from_secs(10),
        ))
        .keep_alive(Duration::from_secs(300), Duration::from_secs(20))
        .max_message_size(16 * 1024 * 1024)
        .send_compressed(CompressionEncoding::Zstd)
        .metadata(metadata)
        .user_agent("storage-client/1")
        .connect()
        .await?;

    let storage = majority_of(&manager.configuration());
    storage.write(entry("one", 1)).await?;
    assert_eq!(storage.read(key()).await?, entry("one", 1));
    Ok(())
}

#[tokio::test]
async fn tls() -> Outcome {
    let issuer = Authority::new();
    let authority = issuer.certificate();
    let identity = issuer.identity("localhost");
    let router = StorageReplicaServer::new(Replica::default());
    let tls = ServerTlsConfig::new().client_ca_root(authority.clone());
    let server = Server::new(router).tls(identity, tls)?;
    let server = server.bind("127.0.0.1:0").await?.start();

    let address = format!("localhost:{}", server.address().port());
    let identity = issuer.identity("client");
    let tls = ClientTlsConfig::new()
        .ca_certificate(authority)
        .identity(identity);
    let manager = Manager::builder()
        .address(address)
        .tls(tls)
        .connect()
        .await?;

    let storage = majority_of(&manager.configuration());
    storage.write(entry("one", 1)).await?;
    Ok(())
}
