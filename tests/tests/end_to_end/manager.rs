//! Pools of nodes and the configurations made of them.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use gorums_runtime::errors::{ConfigurationError, ManagerError, QuorumCallErrorKind};
use gorums_runtime::{Configuration, Manager, NodeId};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::Cluster;
use tests::spec::Count;
use tests::{on_both, settle};

const ADDRESSES: [&str; 3] = ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"];

async fn lazy(addresses: &[&str]) -> Result<Manager, ManagerError> {
    let builder = Manager::builder().addresses(addresses.iter().copied());
    builder.connect_lazy().await
}

fn ids(configuration: &Configuration) -> Vec<u32> {
    configuration.node_ids().map(NodeId::get).collect()
}

#[tokio::test]
async fn ids_are_derived_from_addresses_as_gorums_2017_does() {
    let manager = lazy(&ADDRESSES).await.expect("a manager");
    let all = manager.configuration();
    assert_eq!(ids(&all), [3_670_673_580, 3_687_451_199, 3_704_228_818]);
    assert_eq!(all.id().get(), 3_007_678_522);
    assert_eq!(all.to_string(), "configuration 3007678522");
    let first = manager.nodes().next().expect("a node");
    assert_eq!(first.to_string(), "node 3670673580 (127.0.0.1:8080)");
}

#[tokio::test]
async fn configurations_of_the_same_nodes_are_equal_whatever_their_order_and_manager() {
    let manager = lazy(&ADDRESSES).await.expect("a manager");
    let mut reversed = ADDRESSES;
    reversed.reverse();
    let other = lazy(&reversed).await.expect("a manager");
    assert_eq!(manager.configuration(), other.configuration());
    let some: Vec<NodeId> = manager.configuration().node_ids().take(2).collect();
    let some = manager.configuration_of(some).expect("known nodes");
    assert_ne!(some, other.configuration());
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    let hash = |configuration: Configuration| hasher.hash_one(configuration);
    assert_eq!(hash(manager.configuration()), hash(other.configuration()));
}

#[tokio::test]
async fn a_configuration_keeps_the_order_of_its_ids_and_drops_repeated_ones() {
    let manager = lazy(&ADDRESSES).await.expect("a manager");
    let wanted = [3_704_228_818, 3_670_673_580, 3_704_228_818].map(NodeId::new);
    let configuration = manager.configuration_of(wanted).expect("known nodes");
    assert_eq!(ids(&configuration), [3_704_228_818, 3_670_673_580]);
    assert_eq!(configuration.size(), 2);
    assert!(configuration.contains(wanted[0]));
    assert!(!configuration.contains(NodeId::new(3_687_451_199)));
}

#[tokio::test]
async fn a_configuration_needs_nodes_and_knows_only_its_own() {
    let manager = Manager::builder()
        .node(NodeId::new(1), "127.0.0.1:8080")
        .node(NodeId::new(2), "127.0.0.1:8081")
        .connect_lazy()
        .await
        .expect("a manager");
    let none = manager.configuration_of([]).expect_err("no nodes");
    assert_eq!(none, ConfigurationError::Empty);
    let unknown = manager.configuration_of([NodeId::new(3)]);
    let unknown = unknown.expect_err("no such node");
    assert_eq!(
        unknown.to_string(),
        "there is no node 3; the nodes are 1, 2"
    );
    let one = manager.configuration_of([NodeId::new(1)]).expect("a node");
    assert!(one.node(NodeId::new(1)).is_ok());
    assert_eq!(
        one.node(NodeId::new(2)).expect_err("not in it").to_string(),
        "there is no node 2; the nodes are 1"
    );
}

#[tokio::test]
async fn nodes_that_cannot_be_told_apart_are_refused_and_named() {
    let builder = Manager::builder()
        .node(NodeId::new(7), "127.0.0.1:8080")
        .node(NodeId::new(7), "127.0.0.1:8081");
    let error = builder.connect_lazy().await.expect_err("one id");
    assert_eq!(
        error.to_string(),
        "node 7 (127.0.0.1:8080) and node 7 (127.0.0.1:8081) have the same id; choose different ids"
    );
    let builder = Manager::builder()
        .node(NodeId::new(1), "127.0.0.1:8080")
        .node(NodeId::new(2), "127.0.0.1:8080");
    let error = builder.connect_lazy().await.expect_err("one address");
    assert_eq!(
        error.to_string(),
        "node 1 (127.0.0.1:8080) and node 2 (127.0.0.1:8080) have the same address; give each address once"
    );
    let error = lazy(&["localhost:8080", "127.0.0.1:8080"]).await;
    let error = error.expect_err("one address under two names");
    assert!(matches!(error, ManagerError::DuplicateId { .. }), "{error}");
}

#[tokio::test]
async fn a_manager_with_bad_nodes_is_refused() {
    for address in [
        "",
        "127.0.0.1",
        "127.0.0.1:http",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "::1:80",
        "http://127.0.0.1:80",
    ] {
        let error = lazy(&[address]).await.expect_err(address);
        assert!(
            matches!(error, ManagerError::InvalidAddress { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains(&format!("{address:?}")),
            "{error}"
        );
    }
    let builder = Manager::builder().node(NodeId::new(0), "127.0.0.1:8080");
    let error = builder.connect_lazy().await.expect_err("reserved");
    assert_eq!(
        error.to_string(),
        "node 0 (127.0.0.1:8080): the node id 0 is reserved; choose one from 1 on"
    );
}

#[tokio::test]
async fn an_ipv6_address_is_an_address() {
    let manager = lazy(&["[::1]:8080"]).await.expect("a manager");
    let node = manager.nodes().next().expect("a node");
    assert_eq!(
        node.id(),
        NodeId::from_address("[::1]:8080".parse().expect("an address"))
    );
    assert!(
        node.socket_address()
            .is_some_and(|address| address.is_ipv6())
    );
}

#[tokio::test(start_paused = true)]
async fn an_eager_manager_is_connected_to_every_node() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let builder = cluster.network.manager(3);
        let manager = builder
            .connect_timeout(Duration::from_secs(1))
            .connect()
            .await;
        assert_eq!(manager.expect("all are up").configuration().size(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn configurations_outlive_their_manager() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let call = register.read(ReadRequest {});
        drop(register);
        call.await.expect("a quorum");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_call_goes_to_its_node_alone() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, ()).await;
        let node = register.node(Network::id(2)).expect("a node");
        node.read_no_qc(ReadRequest {}).await.expect("a reply");
        let replicas: HashSet<_> = cluster
            .past_events()
            .iter()
            .filter_map(tests::replica::arrived)
            .collect();
        assert_eq!(replicas, HashSet::from([2]));
        assert_eq!(
            register
                .nodes()
                .map(|node| node.id().get())
                .collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert!(register.node(Network::id(4)).is_err());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn configurations_share_the_connections_of_their_manager() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let manager = cluster.network.manager(3).connect().await.expect("all up");
        let some = manager
            .configuration_of([1, 2].map(Network::id))
            .expect("known");
        for configuration in [manager.configuration(), some, manager.configuration()] {
            let size = configuration.size();
            let register = RegisterConfiguration::new(configuration).with_spec(Count(size));
            register.read(ReadRequest {}).await.expect("all");
        }
        assert_eq!(cluster.network.connections(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_was_never_connected_can_be_closed() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        cluster.network.silence(1);
        let manager = cluster.network.manager(1).connect_lazy().await;
        let manager = manager.expect("a manager");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        let call = tokio::spawn(register.read(ReadRequest {}).into_future());
        settle().await;
        manager.close();
        let error = call.await.expect("no panic").expect_err("closed");
        assert_eq!(error.kind(), QuorumCallErrorKind::Closed);
    })
    .await;
}
