//! Multicasts of a method that takes a stream, as in 2017.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::{Backoff, CallOptions, Manager, ManagerBuilder};
use tests::golden::one_way::Entry;
use tests::golden::one_way::one_way_gorums::OneWayConfiguration;
use tests::network::Network;
use tests::replica::Gate;
use tests::stream_replica::{Behaviour, Cluster};
use tests::{settle, soon};
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// The service on the first `replicas` replicas.
async fn service(cluster: &Cluster, replicas: u8) -> OneWayConfiguration {
    let manager = lazy(cluster.network.manager(replicas)).await;
    OneWayConfiguration::new(manager.configuration())
}

async fn lazy(builder: ManagerBuilder) -> Manager {
    builder.connect_lazy().await.expect("a manager")
}

fn entry(text: impl ToString) -> Entry {
    let text = text.to_string();
    Entry { text }
}

fn at(number: u8, text: &str) -> (u8, String) {
    (number, text.to_string())
}

fn within(milliseconds: u64) -> CallOptions {
    CallOptions::new().timeout(Duration::from_millis(milliseconds))
}

#[tokio::test(start_paused = true)]
async fn multicasts_arrive_everywhere_in_their_order_on_one_stream_to_each_node() {
    const CALLS: usize = 1000;
    let mut cluster = Cluster::start([const { Behaviour::Read }; 3]);
    let service = service(&cluster, 3).await;
    for number in 0..CALLS {
        let call = service.append_in_order(entry(number));
        match number % 10 {
            0 => call.await.expect("sent"),
            _ => call.detach(),
        }
    }
    let mut next = [0; 3];
    for _ in 0..3 * CALLS {
        let (replica, number) = cluster.arrival().await;
        let next = &mut next[usize::from(replica) - 1];
        assert_eq!(number, next.to_string(), "at {replica}");
        *next += 1;
    }
    assert_eq!(next, [CALLS; 3]);
    assert_eq!(cluster.streams(), 3);
}

#[tokio::test]
async fn tasks_that_multicast_at_the_same_time_share_the_streams() {
    let mut cluster = Cluster::start([const { Behaviour::Read }; 3]);
    let service = service(&cluster, 3).await;
    let tasks = (0..8).map(|task| {
        let service = service.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                let call = service.append_in_order(entry(format!("{task} {number}")));
                call.await.expect("sent");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let mut next = [[0; 8]; 3];
    for _ in 0..3 * 8 * 50 {
        let (replica, text) = cluster.arrival().await;
        let (task, number) = text.split_once(' ').expect("a task and a number");
        let task: usize = task.parse().expect("a number");
        let next = &mut next[usize::from(replica) - 1][task];
        assert_eq!(number, next.to_string());
        *next += 1;
    }
    assert_eq!(cluster.streams(), 3);
}

#[tokio::test(start_paused = true)]
async fn each_node_gets_its_own_message_or_none() {
    let mut cluster = Cluster::start([const { Behaviour::Read }; 3]);
    let service = service(&cluster, 3).await;
    let call = service.append_in_order_per_node(entry("for "), |entry, node| {
        (node != Network::id(2)).then(|| Entry {
            text: format!("{}{node}", entry.text),
        })
    });
    call.await.expect("sent");
    settle().await;
    assert_eq!(cluster.arrived(), [at(1, "for 1"), at(3, "for 3")]);
    assert_eq!(cluster.streams(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_killed_node_is_named_and_gets_nothing_twice_when_it_is_back() {
    let mut cluster = Cluster::start([const { Behaviour::Read }; 2]);
    let builder = cluster.network.manager(2);
    let manager = lazy(builder.backoff(Backoff::new(Duration::ZERO, Duration::ZERO))).await;
    let service = OneWayConfiguration::new(manager.configuration());
    service.append_in_order(entry("a")).await.expect("sent");
    settle().await;
    assert_eq!(cluster.arrived(), [at(1, "a"), at(2, "a")]);

    cluster.network.kill(2);
    settle().await;
    let error = service.append_in_order(entry("b")).await;
    let error = error.expect_err("one is down");
    assert_eq!(
        error.to_string(),
        "one_way.OneWay/AppendInOrder: not sent to 1 of 2 nodes: \
         node 2 (10.0.0.2:4000): Unavailable: connection refused"
    );
    let node = service.node(Network::id(2)).expect("a node");
    let last = node.as_node().last_error().expect("a failure");
    assert_eq!(last.status.code(), Code::Unavailable);

    cluster.serve(2, Behaviour::Read);
    settle().await;
    service.append_in_order(entry("c")).await.expect("sent");
    settle().await;
    assert_eq!(cluster.arrived(), [at(1, "b"), at(1, "c"), at(2, "c")],);
    assert_eq!(cluster.streams(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_costs_the_others_nothing_and_is_named_at_the_deadline() {
    let mut cluster = Cluster::start([const { Behaviour::Read }; 2]);
    cluster.network.silence(3);
    let service = service(&cluster, 3).await.with_options(within(50));
    let start = Instant::now();
    let call = tokio::spawn(service.append_in_order(entry("a")));
    let mut arrived = [cluster.arrival().await, cluster.arrival().await];
    arrived.sort();
    assert_eq!(arrived, [at(1, "a"), at(2, "a")]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let error = call.await.expect("no panic").expect_err("one is silent");
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(error.errors().len(), 1);
    assert_eq!(error.errors()[0].node_id(), Network::id(3));
    assert_eq!(error.errors()[0].code(), Code::DeadlineExceeded);

    // Late messages are not sent, awaited or not.
    service.append_in_order(entry("detached")).detach();
    tokio::time::sleep(Duration::from_millis(50)).await;
    cluster.serve(3, Behaviour::Read);
    tokio::time::sleep(ManagerBuilder::DEFAULT_CONNECT_TIMEOUT).await;
    cluster.arrived();
    service.append_in_order(entry("b")).await.expect("all up");
    settle().await;
    assert_eq!(cluster.arrived(), [at(1, "b"), at(2, "b"), at(3, "b")]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_reads_nothing_delays_nobody_else() {
    let mut cluster = Cluster::start([Behaviour::Read, Behaviour::ReadAfter(Gate::closed())]);
    let manager = lazy(cluster.network.manager(2).one_way_limit(10)).await;
    let service = OneWayConfiguration::new(manager.configuration());
    let large = "x".repeat(100_000);
    let hurried = service.with_options(within(50));
    let error = soon("a multicast that finds no room", async {
        loop {
            let sent = hurried.append_in_order(entry(&large)).await;
            assert_eq!(cluster.arrival().await.0, 1);
            if let Err(error) = sent {
                break error;
            }
        }
    })
    .await;
    assert_eq!(error.errors().len(), 1);
    assert_eq!(error.errors()[0].node_id(), Network::id(2));
    assert_eq!(error.errors()[0].code(), Code::DeadlineExceeded);
    for number in 0..100 {
        service.append_in_order(entry(number)).detach();
        assert_eq!(cluster.arrival().await, at(1, &number.to_string()));
    }
}

#[tokio::test(start_paused = true)]
async fn detached_multicasts_without_room_are_dropped_and_others_wait() {
    let mut cluster = Cluster::start([Behaviour::Read]);
    let manager = lazy(cluster.network.manager(1).one_way_limit(2)).await;
    let service = OneWayConfiguration::new(manager.configuration());
    // Nothing is handed over before the test waits.
    service.append_in_order(entry("a")).detach();
    service.append_in_order(entry("b")).detach();
    service.append_in_order(entry("dropped")).detach();
    let waiting = service.append_in_order(entry("c"));
    waiting.await.expect("sent");
    service.append_in_order(entry("d")).detach();
    settle().await;
    assert_eq!(
        cluster.arrived(),
        ["a", "b", "c", "d"].map(|text| at(1, text))
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_a_multicast_withdraws_what_is_not_handed_over() {
    let mut cluster = Cluster::start([const { Behaviour::Read }; 2]);
    let service = service(&cluster, 2).await;
    drop(service.append_in_order(entry("dropped")));
    service.append_in_order(entry("a")).await.expect("sent");
    settle().await;
    assert_eq!(cluster.arrived(), [at(1, "a"), at(2, "a")]);
}

#[tokio::test(start_paused = true)]
async fn a_late_multicast_leaves_its_room_to_others_though_nobody_looks_at_it() {
    let gate = Gate::closed();
    let mut cluster = Cluster::start([Behaviour::ReadAfter(gate.clone())]);
    let manager = lazy(cluster.network.manager(1).one_way_limit(1)).await;
    let service = OneWayConfiguration::new(manager.configuration());
    let hurried = service.with_options(within(50));
    let large = "x".repeat(100_000);
    let fill = async || hurried.append_in_order(entry(&large)).await;
    let full = async { while fill().await.is_ok() {} };
    soon("a multicast that finds no room", full).await;

    hurried.append_in_order(entry("late")).detach();
    tokio::time::sleep(Duration::from_millis(60)).await;
    service.append_in_order(entry("in time")).detach();
    gate.open();
    while cluster.arrival().await != at(1, "in time") {}
    settle().await;
    assert_eq!(cluster.arrived(), []);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_its_replica_ends_is_an_error_of_the_node_and_the_next_call_opens_another() {
    for (end, code, message) in [
        (
            Err(Status::permission_denied("not you")),
            Code::PermissionDenied,
            "not you",
        ),
        (
            Ok(()),
            Code::Unavailable,
            "the server ended the stream of messages",
        ),
    ] {
        let mut cluster = Cluster::start([Behaviour::End(end)]);
        let service = service(&cluster, 1).await;
        service.append_in_order(entry("a")).await.expect("sent");
        settle().await;
        let node = service.node(Network::id(1)).expect("a node");
        let last = node.as_node().last_error().expect("the end of the stream");
        assert_eq!((last.status.code(), last.status.message()), (code, message));
        service.append_in_order(entry("b")).await.expect("sent");
        settle().await;
        assert_eq!(cluster.arrived(), [at(1, "a"), at(1, "b")]);
        assert_eq!(cluster.streams(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn each_multicast_that_is_not_sent_is_one_error_of_its_node() {
    let cluster = Cluster::start([]);
    let manager = lazy(cluster.network.manager(1).one_way_limit(2)).await;
    let service = OneWayConfiguration::new(manager.configuration());
    let mut errors = manager.node_errors();
    for number in 0..3 {
        service.append_in_order(entry(number)).detach();
    }
    drop(service.append_in_order(entry("withdrawn")));
    settle().await;
    let mut codes = Vec::new();
    while let Some(error) = errors.next().now_or_never() {
        codes.push(error.expect("an open manager").code());
    }
    let (dropped, refused) = (Code::ResourceExhausted, Code::Unavailable);
    assert_eq!(codes, [dropped, refused, refused]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_removed_is_sent_nothing_more() {
    let mut cluster = Cluster::start([Behaviour::Read]);
    let manager = lazy(cluster.network.manager(2)).await;
    let service = OneWayConfiguration::new(manager.configuration());
    cluster.network.silence(2);
    let waiting = service.append_in_order(entry("a"));
    assert_eq!(cluster.arrival().await, at(1, "a"));
    manager.remove_node(Network::id(2)).expect("a node");
    let error = waiting.await.expect_err("one is removed");
    assert_eq!(
        error.to_string(),
        "one_way.OneWay/AppendInOrder: not sent to 1 of 2 nodes: \
         node 2 (10.0.0.2:4000): Unavailable: the node was removed"
    );
}

#[tokio::test(start_paused = true)]
async fn the_metadata_of_the_call_that_opens_a_stream_reaches_the_replica() {
    let mut cluster = Cluster::start([Behaviour::Read]);
    let service = service(&cluster, 1).await;
    for tag in ["first", "second"] {
        let mut metadata = MetadataMap::new();
        metadata.insert("tag", tag.parse().expect("ASCII"));
        let options = within(1000).metadata(metadata);
        let call = service.with_options(options).append_in_order(entry(tag));
        call.await.expect("sent");
    }
    settle().await;
    let arrived = ["first", "second", "tag first"].map(|text| at(1, text));
    assert_eq!(cluster.arrived(), arrived);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_closes_ends_its_streams_and_fails_what_waits() {
    let mut cluster = Cluster::start([Behaviour::Read]);
    cluster.network.silence(2);
    let manager = lazy(cluster.network.manager(2)).await;
    let service = OneWayConfiguration::new(manager.configuration());
    let waiting = service.append_in_order(entry("a"));
    assert_eq!(cluster.arrival().await, at(1, "a"));
    manager.close();
    let error = waiting.await.expect_err("one is silent");
    assert_eq!(
        error.to_string(),
        "one_way.OneWay/AppendInOrder: not sent to 1 of 2 nodes: \
         node 2 (10.0.0.2:4000): Unavailable: the manager is closed"
    );
    let error = service.append_in_order(entry("b")).await;
    let error = error.expect_err("closed");
    assert_eq!(error.errors().len(), 2);
    assert!(
        error.to_string().contains("the manager is closed"),
        "{error}"
    );
    settle().await;
    assert_eq!(cluster.arrived(), []);
    assert_eq!(cluster.streams(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_detached_is_sent_and_the_stream_ends_when_all_handles_are_gone() {
    let mut cluster = Cluster::start([Behaviour::Read]);
    let service = service(&cluster, 1).await;
    service.append_in_order(entry("a")).detach();
    drop(service);
    assert_eq!(cluster.arrival().await, at(1, "a"));
    settle().await;
    assert_eq!(cluster.finished(), 1);
}
