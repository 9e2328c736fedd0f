//! Sets of nodes: set operations and orders.

use std::time::Duration;

use gorums_runtime::errors::ConfigurationError;
use gorums_runtime::{Configuration, Node, Transport};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::{RegisterConfiguration, RegisterNode};
use tests::replica::{Behaviour, Cluster, Gate, arrived};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tonic::{Code, Status};

async fn configurations(parts: &[&[u8]]) -> Vec<Configuration> {
    let manager = Network::new(Transport::default())
        .manager(5)
        .connect_lazy()
        .await;
    let manager = manager.expect("a manager");
    let of = |numbers: &&[u8]| {
        let ids = numbers.iter().map(|number| Network::id(*number));
        manager.configuration_of(ids).expect("known nodes")
    };
    parts.iter().map(of).collect()
}

fn ids(configuration: &Configuration) -> Vec<u32> {
    configuration.node_ids().map(|id| id.get()).collect()
}

#[tokio::test]
async fn configurations_are_combined_as_sets() {
    let parts = configurations(&[&[1, 2, 3], &[3, 4], &[5]]).await;
    let [abc, cd, e] = &parts[..] else {
        unreachable!("three parts")
    };
    assert_eq!(ids(&abc.union(cd)), [1, 2, 3, 4]);
    assert_eq!(abc.union(abc), *abc);
    assert_eq!(ids(&abc.intersection(cd).expect("3")), [3]);
    assert_eq!(ids(&abc.difference(cd).expect("1 and 2")), [1, 2]);
    assert_eq!(ids(&abc.with(e.nodes().cloned())), [1, 2, 3, 5]);
    let without = abc.without([2, 4].map(Network::id)).expect("1 and 3");
    assert_eq!(ids(&without), [1, 3]);
    assert_eq!(ids(&abc.first(2).expect("1 and 2")), [1, 2]);
    assert_eq!(ids(&abc.first(9).expect("all")), [1, 2, 3]);
    assert_eq!(ids(abc), [1, 2, 3], "none of it changes the operands");
}

#[tokio::test]
async fn a_configuration_is_never_empty() {
    let parts = configurations(&[&[1, 2], &[3]]).await;
    let empty = Some(ConfigurationError::Empty);
    assert_eq!(parts[0].intersection(&parts[1]).err(), empty);
    assert_eq!(parts[0].difference(&parts[0]).err(), empty);
    assert_eq!(parts[0].without([1, 2].map(Network::id)).err(), empty);
    assert_eq!(parts[0].first(0).err(), empty);
}

#[tokio::test(start_paused = true)]
async fn the_time_to_open_a_stream_is_not_a_nodes_latency() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let late = Behaviour::AnswerAfter(gate.clone());
        let mut cluster = Cluster::start(transport, [late]);
        let connecting = Duration::from_millis(20);
        let network = cluster.network.clone();
        let builder = network.manager(1).connector(move |address| {
            let network = network.clone();
            async move {
                tokio::time::sleep(connecting).await;
                network.connect(address).await
            }
        });
        let manager = builder.connect_lazy().await.expect("a manager");
        let node = manager.node(Network::id(1)).expect("a node");
        assert_eq!(node.opening_time(), None);
        let register = RegisterNode::new(node.clone());
        let handled_late = async {
            cluster.wait_for(&[1], arrived).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            gate.open();
        };
        let read = register.read_no_qc(ReadRequest {}).into_future();
        let (reply, ()) = tokio::join!(read, handled_late);
        reply.expect("a reply");
        assert_eq!(node.latency(), Some(Duration::from_millis(5)));
        let opening = (transport == Transport::NodeStream).then_some(connecting);
        assert_eq!(node.opening_time(), opening);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_nodes_that_a_call_failed_on_can_be_left_out_of_the_next() {
    on_both(async |transport| {
        let broken = Behaviour::Fail(Status::internal("broken"));
        let cluster = Cluster::start(transport, [Behaviour::Answer, broken, Behaviour::Answer]);
        let all = cluster.register(4, Count(4)).await;
        let error = all.read(ReadRequest {}).await.expect_err("two have failed");
        let rest = all
            .configuration()
            .without_failed(&error)
            .expect("two are left");
        assert_eq!(ids(&rest), [1, 3]);
        let register = RegisterConfiguration::new(rest).with_spec(Count(2));
        register.read(ReadRequest {}).await.expect("both");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_are_sorted_by_what_calls_have_shown_of_them() {
    on_both(async |transport| {
        let gates = [(); 3].map(|()| Gate::closed());
        let behaviours = gates.iter().cloned().map(Behaviour::AnswerAfter);
        let cluster = Cluster::start(transport, behaviours);
        let manager = cluster.network.manager(4).connect_lazy().await;
        let all = manager.expect("a manager").configuration();
        assert_eq!(
            ids(&all.sorted_by_latency()),
            [1, 2, 3, 4],
            "nothing is measured"
        );
        assert!(
            all.nodes()
                .all(|node| node.latency().is_none() && node.last_error().is_none())
        );

        let register = RegisterConfiguration::new(all.clone()).with_spec(Count(1));
        let call = register.write(state("new", 1)).start();
        for gate in [&gates[2], &gates[0], &gates[1]] {
            tokio::time::advance(Duration::from_millis(10)).await;
            gate.open();
            settle().await;
        }
        call.await.expect("one");
        settle().await;
        let by_latency = all.sorted_by_latency();
        assert_eq!(
            ids(&by_latency),
            [3, 1, 2, 4],
            "node 4 is down and unmeasured"
        );
        assert_eq!(by_latency, all);
        assert_eq!(ids(&by_latency.sorted_by_id()), [1, 2, 3, 4]);

        let by_error = by_latency.sorted_by_error();
        assert_eq!(ids(&by_error), [3, 1, 2, 4]);
        let failed = by_error.node(Network::id(4)).expect("a node");
        let last = failed.last_error().expect("it is down");
        assert_eq!(last.status.code(), Code::Unavailable);
        let reversed = all.sorted_by(|a, b| b.id().cmp(&a.id()));
        assert_eq!(ids(&reversed), [4, 3, 2, 1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_failed_in_one_way_can_be_told_from_those_that_failed_in_another() {
    on_both(async |transport| {
        let broken = Behaviour::Fail(Status::internal("broken"));
        let cluster = Cluster::start(transport, [Behaviour::Answer, broken, Behaviour::Answer]);
        let all = cluster.register(4, Count(4)).await;
        let error = all.read(ReadRequest {}).await.expect_err("two have failed");
        let unreachable = error.errors().iter();
        let unreachable = unreachable.filter(|error| error.code() == Code::Unavailable);
        let rest = all
            .configuration()
            .without(unreachable.map(|e| e.node_id()));
        assert_eq!(ids(&rest.expect("three are left")), [1, 2, 3]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn orders_can_be_composed_and_leave_equal_nodes_as_they_are() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let register = cluster.register(4, Count(4)).await;
        let all = register.configuration();
        register.read(ReadRequest {}).await.expect_err("two down");
        let down = |node: &Node| node.last_error().is_some();
        let down_first = |a: &Node, b: &Node| down(b).cmp(&down(a));
        assert_eq!(ids(&all.sorted_by(down_first)), [3, 4, 1, 2]);
        let composed = all.sorted_by(|a, b| down_first(a, b).then(b.id().cmp(&a.id())));
        assert_eq!(ids(&composed), [4, 3, 2, 1]);
        assert_eq!(ids(&all), [1, 2, 3, 4], "it stays as it was");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_go_to_the_nodes_of_combined_configurations() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 6);
        let manager = cluster.network.manager(6).connect().await.expect("all up");
        let of = |numbers: &[u8]| {
            let ids = numbers.iter().map(|number| Network::id(*number));
            manager.configuration_of(ids).expect("known nodes")
        };
        let all = manager.configuration();
        let cases = [
            (all.clone(), vec![1, 2, 3, 4, 5, 6]),
            (of(&[1, 2]).union(&of(&[2, 5])), vec![1, 2, 5]),
            (
                all.difference(&of(&[1, 6])).expect("four"),
                vec![2, 3, 4, 5],
            ),
            (
                all.without([Network::id(3)]).expect("five"),
                vec![1, 2, 4, 5, 6],
            ),
        ];
        for (configuration, called) in cases {
            let majority = configuration.size() / 2 + 1;
            let register = RegisterConfiguration::new(configuration).with_spec(Count(majority));
            register.read(ReadRequest {}).await.expect("a majority");
            settle().await;
            let events = cluster.past_events();
            let mut arrived: Vec<u8> = events.iter().filter_map(arrived).collect();
            arrived.sort_unstable();
            assert_eq!(arrived, called);
        }
    })
    .await;
}
