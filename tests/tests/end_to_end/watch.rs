//! Configurations that follow the state of their nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::errors::ConfigurationError;
use gorums_runtime::{Configuration, Manager, NodeId};
use tests::network::Network;
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterNode;
use tests::replica::Cluster;
use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_secs(1);

async fn manager(cluster: &Cluster, replicas: u8) -> Manager {
    let manager = cluster.network.manager(replicas).connect_lazy().await;
    manager.expect("a manager")
}

fn ids(derived: Option<Result<Configuration, ConfigurationError>>) -> Vec<u32> {
    let configuration = derived.expect("the manager is open").expect("nodes");
    configuration.node_ids().map(NodeId::get).collect()
}

/// The first `wanted` nodes of a configuration.
fn first(
    wanted: &Arc<AtomicUsize>,
) -> impl FnMut(&Configuration) -> Result<Configuration, ConfigurationError> + use<> {
    let wanted = Arc::clone(wanted);
    move |all| all.first(wanted.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn the_first_configuration_is_there_at_once_and_the_next_at_the_tick_that_shows_a_change() {
    on_both(async |transport| {
        let manager = manager(&Cluster::answering(transport, 3), 3).await;
        let wanted = Arc::new(AtomicUsize::new(1));
        let mut watch = manager.configuration().watch(INTERVAL, first(&wanted));
        let start = Instant::now();
        assert_eq!(ids(watch.next().await), [1]);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(
            tokio::time::timeout(5 * INTERVAL, watch.next())
                .await
                .is_err()
        );
        wanted.store(2, Ordering::SeqCst);
        assert_eq!(ids(watch.next().await), [1, 2]);
        assert!(start.elapsed() <= 6 * INTERVAL);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_order_is_a_change() {
    on_both(async |transport| {
        let manager = manager(&Cluster::answering(transport, 2), 2).await;
        let all = manager.configuration();
        let mut watch = all.watch(INTERVAL, |all| Ok(all.sorted_by_latency()));
        assert_eq!(ids(watch.next().await), [1, 2]);
        // The other is not measured.
        let second = RegisterNode::new(manager.node(Network::id(2)).expect("a node"));
        second.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(ids(watch.next().await), [2, 1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_away_gets_the_latest_and_nothing_in_between() {
    on_both(async |transport| {
        let manager = manager(&Cluster::answering(transport, 3), 3).await;
        let wanted = Arc::new(AtomicUsize::new(1));
        let mut watch = manager.configuration().watch(INTERVAL, first(&wanted));
        assert_eq!(ids(watch.next().await), [1]);
        for wants in [2, 3, 1, 2] {
            wanted.store(wants, Ordering::SeqCst);
            tokio::time::advance(10 * INTERVAL).await;
        }
        assert_eq!(ids(watch.next().await), [1, 2]);
        assert!(watch.next().now_or_never().is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_cannot_be_derived_is_told_of_once() {
    on_both(async |transport| {
        let manager = manager(&Cluster::answering(transport, 1), 1).await;
        let wanted = Arc::new(AtomicUsize::new(0));
        let mut watch = manager.configuration().watch(INTERVAL, first(&wanted));
        let error = watch.next().await.expect("open").expect_err("no nodes");
        assert_eq!(error, ConfigurationError::Empty);
        assert!(
            tokio::time::timeout(5 * INTERVAL, watch.next())
                .await
                .is_err()
        );
        wanted.store(1, Ordering::SeqCst);
        assert_eq!(ids(watch.next().await), [1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_nodes_of_a_manager_can_be_followed_and_a_node_that_is_added_again_is_another() {
    on_both(async |transport| {
        let manager = manager(&Cluster::answering(transport, 2), 2).await;
        let pool = manager.clone();
        let all = manager.configuration();
        let mut watch = all.watch(INTERVAL, move |_| Ok(pool.configuration()));
        assert_eq!(ids(watch.next().await), [1, 2]);
        for _ in 0..2 {
            manager.remove_node(Network::id(2)).expect("there are two");
            let again = manager.add_node(Network::id(2), &Network::address(2));
            again.expect("added");
            assert_eq!(ids(watch.next().await), [1, 2]);
        }
        manager.remove_node(Network::id(1)).expect("there are two");
        assert_eq!(ids(watch.next().await), [2]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_the_manager_closes() {
    on_both(async |transport| {
        let manager = manager(&Cluster::answering(transport, 1), 1).await;
        let mut watch = manager
            .configuration()
            .watch(INTERVAL, |all| Ok(all.clone()));
        assert_eq!(ids(watch.next().await), [1]);
        assert!(watch.next().now_or_never().is_none());
        manager.close();
        assert!(watch.next().await.is_none());
        assert!(watch.next().await.is_none());
    })
    .await;
}
