//! Which nodes of a manager are connected, and streams that are kept open.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::{Backoff, ConnectivityEvent, ConnectivityEvents, Manager, NodeId};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster};
use tests::spec::Count;
use tests::{on_both, settle, soon};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// A manager of the first `replicas` replicas that keeps them connected.
async fn connected(network: &Network, replicas: u8) -> Manager {
    let builder = network.manager(replicas).keep_connected();
    let builder = builder.backoff(Backoff::new(SECOND, 4 * SECOND));
    builder.connect_lazy().await.expect("a manager")
}

/// The next event: a node's id, and why it is disconnected.
async fn next(events: &mut ConnectivityEvents) -> (u32, Option<String>) {
    let event = soon("an event", events.next()).await.expect("an event");
    let id = event.node_id().get();
    match event {
        ConnectivityEvent::Disconnected { reason, .. } => (id, Some(reason.message().to_string())),
        _ => (id, None),
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_are_connected_without_a_call_in_whatever_order_they_start() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let manager = connected(&cluster.network, 3).await;
        let connectivity = manager.connectivity();
        soon("one", connectivity.wait_for(1)).await.expect("open");
        assert_eq!(connectivity.connected(), [NodeId::new(1)].into());
        // All members are in the configuration, connected or not.
        assert_eq!(manager.configuration().size(), 3);
        for number in [3, 2] {
            tokio::time::sleep(60 * SECOND).await;
            cluster.start_replica(number, Behaviour::Answer);
            let start = Instant::now();
            let up = connectivity.wait_until(|ids| ids.contains(&Network::id(number)));
            soon("another", up).await.expect("open");
            assert!(start.elapsed() <= 4 * SECOND, "{:?}", start.elapsed());
        }
        assert_eq!(connectivity.connected().len(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_away_while_no_call_is_made_is_noticed_and_connected_again() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let manager = connected(&cluster.network, 2).await;
        let connectivity = manager.connectivity();
        let mut events = connectivity.events();
        let mut both = [next(&mut events).await, next(&mut events).await];
        both.sort();
        assert_eq!(both, [(1, None), (2, None)]);
        settle().await;
        cluster.network.kill(2);
        let (id, reason) = next(&mut events).await;
        assert_eq!(id, 2);
        assert!(reason.is_some());
        let states = connectivity.nodes();
        assert!(states[0].is_connected && !states[1].is_connected);
        assert!(states[1].last_failure.is_some());
        cluster.start_replica(2, Behaviour::Answer);
        assert_eq!(next(&mut events).await, (2, None));
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect("a reply");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_disconnected_within_the_keep_alives_bound() {
    let cluster = Cluster::answering(Default::default(), 1);
    let manager = connected(&cluster.network, 1).await;
    let mut events = manager.connectivity().events();
    assert_eq!(next(&mut events).await, (1, None));
    settle().await;
    let start = Instant::now();
    cluster.network.hang(1);
    let (id, reason) = next(&mut events).await;
    assert_eq!(id, 1);
    assert!(reason.is_some());
    assert!(start.elapsed() <= 16 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nodes_that_are_added_and_removed_are_followed() {
    let cluster = Cluster::answering(Default::default(), 3);
    let manager = connected(&cluster.network, 2).await;
    let mut events = manager.connectivity().events();
    next(&mut events).await;
    next(&mut events).await;
    let added = manager.add_node(Network::id(3), &Network::address(3));
    let added = added.expect("a node");
    assert_eq!(next(&mut events).await, (3, None));
    manager.remove_node(added.id()).expect("a node");
    let removed = (3, Some("the node was removed".to_string()));
    assert_eq!(next(&mut events).await, removed);
    assert_eq!(manager.connectivity().nodes().len(), 2);
    // The id belongs to another node now.
    manager
        .add_node(Network::id(3), &Network::address(3))
        .expect("a node");
    assert_eq!(next(&mut events).await, (3, None));
    drop(added);
    settle().await;
    assert!(manager.connectivity().is_connected(Network::id(3)));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_refused_because_a_node_has_it_changes_nothing_for_that_node() {
    let cluster = Cluster::answering(Default::default(), 2);
    let manager = connected(&cluster.network, 1).await;
    let connectivity = manager.connectivity();
    soon("one", connectivity.wait_for(1)).await.expect("open");
    let refused = manager.add_node(Network::id(1), &Network::address(2));
    assert!(refused.is_err());
    settle().await;
    assert!(connectivity.is_connected(Network::id(1)));
    assert_eq!(connectivity.nodes()[0].address, Network::address(1));
}

#[tokio::test(start_paused = true)]
async fn waits_and_events_end_when_the_manager_is_closed() {
    let cluster = Cluster::answering(Default::default(), 1);
    let manager = connected(&cluster.network, 2).await;
    let connectivity = manager.connectivity();
    let mut events = connectivity.events();
    assert_eq!(next(&mut events).await, (1, None));
    let (waited, ()) = tokio::join!(connectivity.wait_for(2), async { manager.close() });
    assert!(waited.is_err());
    let closed = (1, Some("the manager is closed".to_string()));
    assert_eq!(next(&mut events).await, closed);
    assert!(soon("the end", events.next()).await.is_none());
}
