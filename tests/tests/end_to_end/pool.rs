//! Pools of nodes that change while they are in use.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::Caller;
use gorums_runtime::errors::{ManagerError, QuorumCallErrorKind};
use gorums_runtime::{Configuration, Manager, Membership, NodeId};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::methods::Write;
use tests::register::register_gorums::{RegisterConfiguration, RegisterNode};
use tests::replica::{Behaviour, Cluster, Gate, arrived, handled};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tonic::Code;

async fn manager(cluster: &Cluster, replicas: u8) -> Manager {
    let manager = cluster.network.manager(replicas).connect_lazy().await;
    manager.expect("a manager")
}

fn ids(configuration: &Configuration) -> Vec<u32> {
    configuration.node_ids().map(NodeId::get).collect()
}

fn node(manager: &Manager, number: u8) -> RegisterNode {
    RegisterNode::new(manager.node(Network::id(number)).expect("a node"))
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_added_is_called() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let manager = manager(&cluster, 1).await;
        let before = manager.configuration();
        let second = manager.add_node(Network::id(2), &Network::address(2));
        assert_eq!(second.expect("added").id(), Network::id(2));
        let third = manager.add_address(&Network::address(3)).await;
        let third = third.expect("added");
        let address = third.socket_address().expect("it is an IP address");
        assert_eq!(third.id(), NodeId::from_address(address));
        assert_eq!(ids(&before), [1]);
        let all = manager.configuration();
        assert_eq!(ids(&all), [1, 2, third.id().get()]);
        let register = RegisterConfiguration::new(all).with_spec(Count(3));
        register.read(ReadRequest {}).await.expect("all three");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_added_with_the_id_of_another_has_none_of_its_failures() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let manager = manager(&cluster, 1).await;
        let spare = manager.add_node(Network::id(9), "10.0.0.9:4000");
        spare.expect("added");
        for round in 0..20 {
            let read = |_| node(&manager, 1).read_no_qc(ReadRequest {}).into_future();
            let before = futures::future::join_all((0..5).map(read));
            for outcome in before.await {
                outcome.unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
            manager.remove_node(Network::id(1)).expect("there are two");
            let address = Network::address(1);
            let again = manager.add_node(Network::id(1), &address);
            again.expect("added");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_removed_is_called_no_more() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 2);
        let manager = manager(&cluster, 2).await;
        let before = manager.configuration();
        let both = RegisterConfiguration::new(before.clone()).with_spec(Count(2));
        both.read(ReadRequest {}).await.expect("both");
        manager.remove_node(Network::id(2)).expect("there are two");
        assert_eq!(ids(&manager.configuration()), [1]);
        assert_eq!(manager.nodes().len(), 1);
        assert_eq!(ids(&before), [1, 2]);
        cluster.past_events();

        let error = both.read(ReadRequest {}).await.expect_err("one is gone");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(
            error.errors()[0].to_string(),
            "node 2 (10.0.0.2:4000): Unavailable: the node was removed"
        );
        let caller = Caller::new(before, ());
        let multicast = MulticastCall::<Write>::new(&caller, state("new", 1)).start();
        let error = multicast.await.expect_err("one is gone");
        assert_eq!(error.errors().len(), 1);
        assert_eq!(error.errors()[0].status().message(), "the node was removed");
        settle().await;
        assert!(
            cluster
                .past_events()
                .iter()
                .all(|event| arrived(event) != Some(2))
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_on_a_node_fail_when_it_is_removed() {
    on_both(async |transport| {
        let silent = || Behaviour::AnswerAfter(Gate::closed());
        let mut cluster = Cluster::start(transport, [silent(), silent()]);
        cluster.network.silence(3);
        let manager = manager(&cluster, 3).await;
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(3));
        let mut quorum_call = register.read(ReadRequest {}).into_future();
        assert!((&mut quorum_call).now_or_never().is_none());
        let mut node_call = node(&manager, 2).read_no_qc(ReadRequest {}).into_future();
        let mut connecting = node(&manager, 3).read_no_qc(ReadRequest {}).into_future();
        assert!((&mut node_call).now_or_never().is_none());
        assert!((&mut connecting).now_or_never().is_none());
        let caller = Caller::new(manager.configuration(), ());
        let multicast = MulticastCall::<Write>::new(&caller, state("new", 1)).start();
        cluster.wait_for(&[1, 2], arrived).await;
        settle().await;
        for number in [2, 3] {
            manager.remove_node(Network::id(number)).expect("known");
        }
        for call in [node_call, connecting] {
            let error = call.await.expect_err("removed");
            assert_eq!(error.code(), Code::Unavailable);
            assert_eq!(error.status().message(), "the node was removed");
        }
        let error = multicast.await.expect_err("one was not connected");
        assert_eq!(error.errors().len(), 1);
        assert_eq!(error.errors()[0].node_id(), Network::id(3));
        assert_eq!(error.errors()[0].status().message(), "the node was removed");
        // The first node is none of those that fail.
        assert!(
            tokio::time::timeout(Duration::from_secs(60), &mut quorum_call)
                .await
                .is_err()
        );
        cluster.network.kill(1);
        let error = quorum_call.await.expect_err("no node is left");
        let mut failed: Vec<_> = error
            .errors()
            .iter()
            .map(|error| (error.node_id().get(), error.status().message()))
            .collect();
        failed.sort_unstable();
        assert_eq!(failed.len(), 3);
        assert_eq!(
            failed[1..],
            [(2, "the node was removed"), (3, "the node was removed")]
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_id_and_address_that_were_removed_can_be_added_again() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 2);
        let manager = manager(&cluster, 2).await;
        let removed = node(&manager, 2);
        manager.remove_node(Network::id(2)).expect("there are two");
        let again = manager.add_node(Network::id(2), &Network::address(2));
        again.expect("added");
        node(&manager, 2)
            .read_no_qc(ReadRequest {})
            .await
            .expect("a reply");
        cluster.wait_for(&[2], handled).await;
        let error = removed.read_no_qc(ReadRequest {}).await;
        assert_eq!(error.expect_err("removed").code(), Code::Unavailable);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_a_pool_has_already_are_refused_and_named() {
    on_both(async |transport| {
    let cluster = Cluster::answering(transport, 2);
    let manager = manager(&cluster, 2).await;
    let add = async |number: u8, address: u8| {
        let address = Network::address(address);
        let added = manager.add_node(Network::id(number), &address);
        added.expect_err("refused").to_string()
    };
    assert_eq!(
        add(2, 3).await,
        "node 2 (10.0.0.2:4000) and node 2 (10.0.0.3:4000) have the same id; choose different ids"
    );
    assert_eq!(
        add(3, 2).await,
        "node 2 (10.0.0.2:4000) and node 3 (10.0.0.2:4000) have the same address; give each address once"
    );
    assert_eq!(
        add(0, 3).await,
        "node 0 (10.0.0.3:4000): the node id 0 is reserved; choose one from 1 on"
    );
    let error = manager.add_address("10.0.0.3").await.expect_err("no port");
    assert!(
        matches!(error, ManagerError::InvalidAddress { .. }),
        "{error}"
    );
    let error = manager.remove_node(Network::id(3)).expect_err("unknown");
    assert_eq!(error.to_string(), "there is no node 3; the nodes are 1, 2");
    manager.remove_node(Network::id(1)).expect("one is left");
        manager.remove_node(Network::id(2)).expect("none is left");
        let error = manager.remove_node(Network::id(2)).expect_err("removed");
        assert_eq!(error.to_string(), "there is no node 2, nor any other");
})
.await;
}

#[tokio::test]
async fn of_nodes_that_are_added_at_once_with_one_id_exactly_one_is() {
    let manager = Manager::builder().node(NodeId::new(1), "127.0.0.1:8000");
    let manager = manager.connect_lazy().await.expect("a manager");
    let adding = (0..50).map(|number| {
        let manager = manager.clone();
        tokio::spawn(async move {
            // A name is looked up, so that the attempts overlap.
            let address = format!("localhost:{}", 9000 + number);
            manager.add_node(NodeId::new(2), &address)
        })
    });
    let added = futures::future::join_all(adding).await;
    let (added, refused): (Vec<_>, Vec<_>) = added
        .into_iter()
        .map(|added| added.expect("no panic"))
        .partition(Result::is_ok);
    assert_eq!((added.len(), refused.len()), (1, 49));
    assert!(
        refused
            .iter()
            .all(|refused| { matches!(refused, Err(ManagerError::DuplicateId { .. })) })
    );
    assert_eq!(ids(&manager.configuration()), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_manager_takes_no_nodes() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let manager = manager(&cluster, 1).await;
        manager.close();
        let error = manager.add_node(Network::id(2), &Network::address(2));
        assert_eq!(
            error.expect_err("closed").to_string(),
            "cannot add node 2 (10.0.0.2:4000): the manager is closed"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_manager_begins_without_nodes_and_may_lose_its_last() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let manager = manager(&cluster, 0).await;
        let register = RegisterConfiguration::new(manager.membership()).with_spec(Count(1));
        let mut errors = manager.node_errors();
        for _ in 0..2 {
            assert!(manager.configuration().is_empty());
            assert_eq!(manager.configuration().size(), 0);
            let error = register.read(ReadRequest {}).await.expect_err("no nodes");
            assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
            assert_eq!(error.errors().len(), 0);
            let caller = Caller::new(manager.configuration(), ());
            let sent = MulticastCall::<Write>::new(&caller, state("a", 1)).start();
            sent.await.expect("there is nobody to miss it");
            let error = register.node(Network::id(1)).expect_err("no nodes");
            assert_eq!(error.to_string(), "there is no node 1, nor any other");

            let added = manager.add_node(Network::id(1), &Network::address(1));
            added.expect("added");
            assert_eq!(ids(&register.configuration()), [1]);
            register.read(ReadRequest {}).await.expect("a reply");
            manager.remove_node(Network::id(1)).expect("it is there");
        }
        assert!(errors.next().now_or_never().is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_service_that_follows_its_nodes_go_to_those_of_the_moment() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let manager = manager(&cluster, 1).await;
        let all = RegisterConfiguration::new(manager.membership()).with_spec(Count(3));
        let fixed = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        all.read(ReadRequest {}).await.expect_err("one of three");
        for number in [2, 3] {
            let address = Network::address(number);
            let added = manager.add_node(Network::id(number), &address);
            added.expect("added");
        }
        let before = all.read_agreed(ReadRequest {});
        assert_eq!(
            all.read_agreed(ReadRequest {}).await.expect("three").nodes,
            3
        );
        assert_eq!(all.nodes().count(), 3);
        assert_eq!(ids(&all.configuration()), [1, 2, 3]);
        assert_eq!(ids(&fixed.configuration()), [1]);
        manager.remove_node(Network::id(2)).expect("it is there");
        assert_eq!(ids(&all.clone().configuration()), [1, 3]);
        let error = before.await.expect_err("its nodes are those of the start");
        assert_eq!(error.errors().len(), 1);
        let some = Membership::following({
            let manager = manager.clone();
            move || {
                let all = manager.configuration();
                all.first(1).unwrap_or(all)
            }
        });
        let one = RegisterConfiguration::new(some).with_spec(Count(1));
        one.read(ReadRequest {}).await.expect("a reply");
        manager.remove_node(Network::id(1)).expect("it is there");
        assert_eq!(ids(&one.configuration()), [3]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_moved_keeps_its_id_its_configurations_and_its_latency() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let manager = manager(&cluster, 1).await;
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect("a reply");
        let node = manager.node(Network::id(1)).expect("a node");
        let latency = node.latency().expect("it was called");
        cluster.network.kill(1);
        register.read(ReadRequest {}).await.expect_err("it is down");
        let moved = manager.set_address(node.id(), &Network::address(2));
        moved.expect("another address");
        register.read(ReadRequest {}).await.expect("without a wait");
        assert_eq!(node.address(), Network::address(2));
        assert_eq!(ids(&register.configuration()), [1]);
        assert!(node.latency().is_some(), "{latency:?} was measured before");
        let socket = Network::address(2).parse().expect("an address");
        assert_eq!(node.socket_address(), Some(socket));
        let nodes = manager.connectivity().nodes();
        assert_eq!(nodes[0].address, Network::address(2));
        // Its former address is free.
        let added = manager.add_node(Network::id(2), &Network::address(1));
        added.expect("added");
        let error = manager.set_address(Network::id(1), &Network::address(1));
        let error = error.expect_err("it is taken").to_string();
        assert!(error.contains("have the same address"), "{error}");
        let error = manager.set_address(Network::id(3), &Network::address(3));
        let error = error.expect_err("unknown").to_string();
        assert!(error.contains("there is no node 3"), "{error}");
        let error = manager.set_address(Network::id(1), "nowhere");
        let error = error.expect_err("no port").to_string();
        assert!(error.contains("no port"), "{error}");
        assert_eq!(node.address(), Network::address(2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_are_set_are_added_moved_kept_and_removed_in_one_step() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 4);
        let manager = manager(&cluster, 3).await;
        let before = manager.configuration();
        let kept = manager.node(Network::id(2)).expect("a node");
        RegisterNode::new(kept.clone())
            .read_no_qc(ReadRequest {})
            .await
            .expect("a reply");
        let connected = manager.connectivity().nodes()[1].since;
        // 3 gets the address of 1, which is removed, and 9 that of 3.
        let next = [(9, 3), (3, 1), (2, 2)];
        let next = next.map(|(id, address)| (Network::id(id), Network::address(address)));
        manager.set_nodes(next).expect("they are distinct");
        assert_eq!(ids(&manager.configuration()), [9, 3, 2]);
        assert_eq!(ids(&before), [1, 2, 3]);
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(3));
        register.read(ReadRequest {}).await.expect("all three");
        let moved = before.node(Network::id(3)).expect("a node");
        assert_eq!(moved.address(), Network::address(1), "it is the same node");
        let states = manager.connectivity().nodes();
        let state = states.iter().find(|state| state.node_id == kept.id());
        assert_eq!(
            state.expect("a node").since,
            connected,
            "it stays connected"
        );
        let removed = RegisterNode::new(before.node(Network::id(1)).expect("a node"));
        let error = removed
            .read_no_qc(ReadRequest {})
            .await
            .expect_err("removed");
        assert_eq!(error.code(), Code::Unavailable);
        manager
            .set_nodes::<&str>([])
            .expect("a manager may have no nodes");
        assert_eq!(manager.configuration().size(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_cannot_be_set_change_nothing() {
    let cluster = Cluster::answering(Default::default(), 2);
    let manager = manager(&cluster, 2).await;
    let before = manager.configuration();
    let wrong = [
        (vec![(1, "10.0.0.5:1"), (7, "nowhere")], "it has no port"),
        (
            vec![(1, "10.0.0.5:1"), (0, "10.0.0.6:1")],
            "id 0 is reserved",
        ),
        (
            vec![(5, "10.0.0.5:1"), (5, "10.0.0.6:1")],
            "have the same id",
        ),
        (vec![(5, "a:1"), (6, "A:1")], "have the same address"),
    ];
    for (nodes, why) in wrong {
        let nodes: Vec<_> = (nodes.into_iter())
            .map(|(id, address)| (NodeId::new(id), address))
            .collect();
        let error = Manager::check_nodes(nodes.clone()).expect_err("it is wrong");
        assert!(error.to_string().contains(why), "{error}");
        let error = manager.set_nodes(nodes).expect_err("it is wrong");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(manager.configuration(), before);
        let address = manager
            .node(Network::id(1))
            .expect("a node")
            .address()
            .to_owned();
        assert_eq!(address, Network::address(1));
    }
    manager.close();
    let nodes = [(Network::id(1), Network::address(1))];
    Manager::check_nodes(nodes.clone()).expect("it could be a node");
    let error = manager.set_nodes(nodes).expect_err("it is closed");
    assert!(matches!(error, ManagerError::Closed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_sent_to_where_a_node_was_fail_and_it_is_connected_at_once_where_it_is() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(gate)]);
        cluster.start_replica(2, Behaviour::Answer);
        let builder = cluster.network.manager(1).keep_connected();
        let manager = builder.connect_lazy().await.expect("an address");
        let register = node(&manager, 1);
        let waiting = register.read_no_qc(ReadRequest {}).start();
        cluster.wait_for(&[1], arrived).await;
        let mut events = manager.connectivity().events();
        assert!(events.next().await.expect("it is open").is_connected());
        manager
            .set_address(Network::id(1), &Network::address(2))
            .expect("another address");
        let error = waiting.await.expect_err("it was sent to the old one");
        assert_eq!(error.code(), Code::Unavailable, "{error}");
        assert!(!events.next().await.expect("the old one").is_connected());
        assert!(events.next().await.expect("the new one").is_connected());
        register.read_no_qc(ReadRequest {}).await.expect("a reply");

        // Neither back-off nor an attempt in progress delays the next move.
        cluster.network.silence(3);
        manager
            .set_address(Network::id(1), &Network::address(3))
            .expect("another address");
        settle().await;
        let before = tokio::time::Instant::now();
        manager
            .set_address(Network::id(1), &Network::address(2))
            .expect("another address");
        let connected = manager.connectivity();
        connected.wait_for(1).await.expect("the manager is open");
        assert!(
            before.elapsed() < Duration::from_secs(1),
            "{:?}",
            before.elapsed()
        );
        register.read_no_qc(ReadRequest {}).await.expect("a reply");
    })
    .await;
}
