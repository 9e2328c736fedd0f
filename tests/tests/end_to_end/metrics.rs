//! What the metrics of managers and servers say.

use std::time::Duration;

use gorums_runtime::metrics::{Description, Kind, Metrics, Value};
use gorums_runtime::server::{Clients, StreamLimits};
use gorums_runtime::{Backoff, CallOptions, ManagerBuilder, Transport};
use tests::network::Network;
use tests::numbered::Wish;
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered_replica::{Cluster, Event, connect, request, wish};
use tests::spec::Count;
use tests::{on_both, settle, soon};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The sum of a metric's values over all samples whose labels have these values: of a histogram, how many durations there are.
fn total(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> u64 {
    let families = metrics.snapshot();
    let family = families.iter().find(|it| it.description.name == name);
    let samples = family.iter().flat_map(|family| &family.samples);
    let has_labels = |of_sample: &[(&'static str, String)]| {
        let has =
            |&(name, value): &(&str, &str)| of_sample.iter().any(|(n, v)| *n == name && v == value);
        labels.iter().all(has)
    };
    let values = samples
        .filter(|sample| has_labels(&sample.labels))
        .map(|sample| match &sample.value {
            Value::Counter(value) | Value::Gauge(value) => *value,
            Value::Histogram(buckets) => buckets.count(),
            _ => 0,
        });
    values.sum()
}

/// The sum of the durations of a histogram.
fn seconds(metrics: &Metrics, name: &str) -> f64 {
    let families = metrics.snapshot();
    let family = families.iter().find(|it| it.description.name == name);
    let samples = family.iter().flat_map(|family| &family.samples);
    let sums = samples.map(|sample| match &sample.value {
        Value::Histogram(buckets) => buckets.sum,
        _ => 0.0,
    });
    sums.sum()
}

const CALLS: &str = "rpc.client.call.duration";
const ACTIVE: &str = "gorums.client.active_calls";
const REPLIES: &str = "gorums.client.node.reply.duration";
const ERRORS: &str = "gorums.client.node.errors";
const CONNECTED: &str = "gorums.client.node.connected";
const CONNECTIONS: &str = "gorums.client.node.connections";
const FAILURES: &str = "gorums.client.node.connection_failures";
const QUEUE: &str = "gorums.client.node.queue.messages";
const STRAGGLERS: &str = "gorums.client.node.stragglers";
const DROPPED: &str = "gorums.client.node.dropped_one_way_calls";
const SERVED: &str = "rpc.server.call.duration";
const WAITS: &str = "gorums.server.wait.duration";
const WAITING: &str = "gorums.server.waiting_requests";
const STREAMS: &str = "gorums.server.streams";

/// Replicas that answer with metrics of their own, and a client with others.
struct Fixture {
    cluster: Cluster,
    client: Metrics,
    server: Metrics,
}

impl Fixture {
    fn start(transport: Transport, replicas: u8) -> Self {
        let fixture = Self {
            cluster: Cluster::start_on(transport, 0),
            client: Metrics::new(),
            server: Metrics::new(),
        };
        (1..=replicas).for_each(|number| fixture.serve(number));
        fixture
    }

    fn serve(&self, number: u8) {
        let router = self.cluster.router(number).metrics(&self.server);
        self.cluster.network.serve(number, router);
    }

    fn manager(&self, replicas: u8) -> ManagerBuilder {
        self.cluster.network.manager(replicas).metrics(&self.client)
    }

    /// The service on all replicas, `quorum` of which decide.
    async fn numbered(&self, replicas: u8, quorum: usize) -> NumberedConfiguration<Count> {
        connect(self.manager(replicas), Count(quorum)).await
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_by_method_and_outcome_and_handlers_by_code() {
    on_both(async |transport| {
        let fixture = Fixture::start(transport, 2);
        let numbered = fixture.numbered(2, 2).await;
        let node = numbered.nodes().next().expect("a node");
        for number in 1..=3 {
            numbered.quorum(request(number)).await.expect("two replies");
        }
        let panics = numbered.quorum(wish(4, Wish::Panic));
        panics.await.expect_err("no replica answers");
        node.call(request(5)).await.expect("a reply");
        node.unicast(request(6)).await.expect("it is sent");
        settle().await;
        let quorum = ("rpc.method", "numbered.Numbered/Quorum");
        let calls = |labels: &[_]| total(&fixture.client, CALLS, labels);
        assert_eq!(calls(&[quorum, ("gorums.outcome", "decided")]), 3);
        assert_eq!(calls(&[quorum, ("error.type", "incomplete")]), 1);
        assert_eq!(calls(&[quorum]), 4);
        assert_eq!(calls(&[("gorums.outcome", "answered")]), 1);
        assert_eq!(calls(&[("gorums.outcome", "sent")]), 1);
        assert_eq!(calls(&[("rpc.system.name", "grpc")]), 6);
        assert_eq!(total(&fixture.client, ACTIVE, &[]), 0);
        let served = |labels: &[_]| total(&fixture.server, SERVED, labels);
        let ok = ("rpc.response.status_code", "OK");
        assert_eq!(served(&[quorum, ok]), 6);
        assert_eq!(served(&[quorum, ("error.type", "INTERNAL")]), 2);
        assert_eq!(
            served(&[("rpc.method", "numbered.Numbered/Unicast"), ok]),
            1
        );
        assert_eq!(served(&[]), 10);
        let first = ("gorums.node.id", "1");
        assert_eq!(total(&fixture.client, REPLIES, &[first]), 4);
        assert_eq!(total(&fixture.client, REPLIES, &[]), 7);
        let internal = ("rpc.response.status_code", "INTERNAL");
        assert_eq!(total(&fixture.client, ERRORS, &[internal, first]), 1);
        assert_eq!(total(&fixture.client, ERRORS, &[]), 2);
        let address = [("server.address", "10.0.0.2"), ("server.port", "4000")];
        assert_eq!(total(&fixture.client, ERRORS, &address), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn durations_are_those_that_the_clock_shows() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport, 1);
        let numbered = fixture.numbered(1, 1).await;
        numbered.quorum(request(1)).await.expect("a reply");
        let before = seconds(&fixture.client, CALLS);
        let start = Instant::now();
        let call = tokio::spawn(numbered.quorum(wish(2, Wish::Wait)).into_future());
        let began = Event::Began {
            replica: 1,
            number: 2,
        };
        while fixture.cluster.event().await != began {}
        tokio::time::sleep(7 * SECOND).await;
        fixture.cluster.gate.open();
        call.await.expect("no panic").expect("a reply");
        let expected = start.elapsed().as_secs_f64();
        let took = seconds(&fixture.client, CALLS) - before;
        assert!((took - expected).abs() < 0.01, "{took} {expected}");
        for (metrics, name) in [(&fixture.client, REPLIES), (&fixture.server, SERVED)] {
            let took = seconds(metrics, name);
            assert!((took - expected).abs() < 0.02, "{name}: {took} {expected}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_and_those_that_are_given_up_are_told_apart() {
    on_both(async |transport| {
        let fixture = Fixture::start(transport, 1);
        let numbered = fixture.numbered(1, 1).await;
        let call = tokio::spawn(numbered.quorum(wish(1, Wish::Cancelled)).into_future());
        settle().await;
        let quorum = [("rpc.method", "numbered.Numbered/Quorum")];
        assert_eq!(total(&fixture.client, ACTIVE, &quorum), 1);
        assert_eq!(total(&fixture.client, CALLS, &quorum), 0);
        call.abort();
        settle().await;
        assert_eq!(total(&fixture.client, ACTIVE, &quorum), 0);
        let cancelled = [("gorums.outcome", "cancelled")];
        assert_eq!(total(&fixture.client, CALLS, &cancelled), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn stragglers_are_there_until_the_node_answers() {
    on_both(async |transport| {
        let fixture = Fixture::start(transport, 2);
        let numbered = fixture.numbered(2, 1).await;
        numbered.quorum(request(1)).await.expect("a reply");
        settle().await;
        assert_eq!(total(&fixture.client, STRAGGLERS, &[]), 0);
        fixture.cluster.network.hang(2);
        let call = numbered.quorum(request(2)).timeout(3 * SECOND);
        call.await.expect("a reply");
        assert_eq!(total(&fixture.client, STRAGGLERS, &[]), 1);
        tokio::time::sleep(4 * SECOND).await;
        assert_eq!(total(&fixture.client, STRAGGLERS, &[]), 0);
        let late = [("rpc.response.status_code", "DEADLINE_EXCEEDED")];
        assert_eq!(total(&fixture.client, ERRORS, &late), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_away_and_comes_back_shows_at_once() {
    let fixture = Fixture::start(Transport::NodeStream, 2);
    let manager = fixture.manager(2).keep_connected();
    let manager = manager.backoff(Backoff::new(SECOND, SECOND));
    let manager = manager.connect_lazy().await.expect("a manager");
    let connectivity = manager.connectivity();
    soon("both", connectivity.wait_for(2)).await.expect("both");
    let second = [("gorums.node.id", "2")];
    assert_eq!(total(&fixture.client, CONNECTED, &[]), 2);
    assert_eq!(total(&fixture.client, CONNECTIONS, &second), 1);
    assert_eq!(total(&fixture.server, STREAMS, &[]), 2);
    fixture.cluster.network.kill(2);
    let gone = connectivity.wait_until(|ids| ids.len() == 1);
    soon("the end", gone).await.expect("a manager");
    assert_eq!(total(&fixture.client, CONNECTED, &second), 0);
    assert_eq!(total(&fixture.client, CONNECTED, &[]), 1);
    let failed = total(&fixture.client, FAILURES, &second);
    assert!(failed >= 1);
    tokio::time::sleep(10 * SECOND).await;
    assert!(total(&fixture.client, FAILURES, &second) >= failed + 5);
    fixture.serve(2);
    soon("both", connectivity.wait_for(2)).await.expect("both");
    assert_eq!(total(&fixture.client, CONNECTIONS, &second), 2);
    assert_eq!(total(&fixture.client, CONNECTED, &second), 1);
    // A node that was removed is no longer there.
    manager.remove_node(Network::id(2)).expect("it is there");
    settle().await;
    let nodes = |metrics: &Metrics| -> Vec<String> {
        let families = metrics.snapshot();
        let samples = families.iter().flat_map(|family| &family.samples);
        let labels = samples.flat_map(|sample| &sample.labels);
        let ids = labels.filter(|(name, _)| *name == "gorums.node.id");
        ids.map(|(_, id)| id.clone()).collect()
    };
    assert!(!nodes(&fixture.client).contains(&"2".to_string()));
    assert!(nodes(&fixture.client).contains(&"1".to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_shows_and_so_does_what_is_dropped() {
    let fixture = Fixture::start(Transport::NodeStream, 1);
    fixture.cluster.network.silence(1);
    let manager = fixture.manager(1).queue_limit(3, 1 << 20);
    let numbered = connect(manager, Count(1)).await;
    for number in 0..5 {
        numbered.multicast(request(number)).detach();
    }
    settle().await;
    assert_eq!(total(&fixture.client, QUEUE, &[]), 3);
    let limit = "gorums.client.node.queue.messages.limit";
    assert_eq!(total(&fixture.client, limit, &[]), 3);
    let bytes = total(&fixture.client, "gorums.client.node.queue.size", &[]);
    assert!((30..500).contains(&bytes), "{bytes}");
    assert_eq!(total(&fixture.client, DROPPED, &[]), 2);
    let exhausted = [("rpc.response.status_code", "RESOURCE_EXHAUSTED")];
    assert_eq!(total(&fixture.client, ERRORS, &exhausted), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_their_turn_show_and_how_long_they_have_waited() {
    let fixture = Fixture::start(Transport::NodeStream, 1);
    let numbered = fixture.numbered(1, 1).await;
    let first = tokio::spawn(numbered.quorum(wish(1, Wish::Wait)).into_future());
    settle().await;
    let others = [2, 3].map(|number| tokio::spawn(numbered.quorum(request(number)).into_future()));
    settle().await;
    assert_eq!(total(&fixture.server, WAITING, &[]), 2);
    assert_eq!(total(&fixture.server, WAITS, &[]), 0);
    tokio::time::sleep(3 * SECOND).await;
    fixture.cluster.gate.open();
    first.await.expect("no panic").expect("a reply");
    for other in others {
        other.await.expect("no panic").expect("a reply");
    }
    assert_eq!(total(&fixture.server, WAITING, &[]), 0);
    let method = [("rpc.method", "numbered.Numbered/Quorum")];
    assert_eq!(total(&fixture.server, WAITS, &method), 2);
    let waited = seconds(&fixture.server, WAITS);
    assert!((6.0..6.1).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_are_forgotten_with_their_stream() {
    let fixture = Fixture::start(Transport::NodeStream, 1);
    let numbered = fixture.numbered(1, 1).await;
    let calls = [1, 2, 3]
        .map(|number| tokio::spawn(numbered.quorum(wish(number, Wish::Wait)).into_future()));
    settle().await;
    assert_eq!(total(&fixture.server, WAITING, &[]), 2);
    fixture.cluster.network.cut(1);
    settle().await;
    assert_eq!(total(&fixture.server, WAITING, &[]), 0);
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn no_client_makes_a_series_however_many_methods_and_streams_it_asks_for() {
    on_both(async |transport| {
        let fixture = Fixture::start(transport, 1);
        let count = |metrics: &Metrics| -> usize {
            let families = metrics.snapshot();
            families.iter().map(|family| family.samples.len()).sum()
        };
        // The replicas do not have this service, and the client has no metrics.
        let manager = fixture.cluster.network.manager(1);
        let manager = manager.connect_lazy().await.expect("a manager");
        let register =
            tests::register::register_gorums::RegisterConfiguration::new(manager.configuration())
                .with_spec(Count(1));
        let read = || register.read(tests::register::ReadRequest {});
        read().await.expect_err("there is no such service");
        let before = count(&fixture.server);
        for _ in 0..20 {
            read().await.expect_err("there is no such service");
            let state = tests::spec::state("", 1);
            register.write(state).await.expect_err("nor such a method");
        }
        assert_eq!(count(&fixture.server), before);
        if transport == Transport::NodeStream {
            let other = [("rpc.method", "_OTHER")];
            assert_eq!(total(&fixture.server, SERVED, &other), 41);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_clients_of_a_server_count_as_one_node() {
    let cluster = Cluster::start(0);
    let metrics = Metrics::new();
    let clients = Clients::with_options(|options| options.metrics(&metrics));
    let router = cluster.router(9).clients(clients.clone());
    cluster
        .network
        .serve(9, router.stream_limits(StreamLimits::new()));
    let connectivity = clients.connectivity();
    let mut managers = Vec::new();
    for number in 1..=3_u8 {
        let manager = cluster.network.manager(0);
        let manager = manager.node(Network::id(9), Network::address(9));
        let manager = manager.serve(cluster.router(number)).connect_lazy();
        managers.push(manager.await.expect("a manager"));
        let connected = soon("it", connectivity.wait_for(number.into())).await;
        connected.expect("the server is up");
    }
    let all = NumberedConfiguration::new(clients.configuration()).with_spec(Count(3));
    all.quorum(request(1)).await.expect("three replies");
    let of_clients = [("gorums.node.id", "clients")];
    assert_eq!(total(&metrics, CONNECTED, &of_clients), 3);
    assert_eq!(total(&metrics, REPLIES, &of_clients), 3);
    let families = metrics.snapshot();
    let replies = families.iter().find(|it| it.description.name == REPLIES);
    assert_eq!(replies.expect("replies").samples.len(), 1);
    for manager in managers {
        manager.close();
    }
    drop(all);
    let gone = connectivity.wait_until(|ids| ids.is_empty());
    soon("the end", gone).await.expect("a server");
    // What was counted stays.
    assert_eq!(total(&metrics, REPLIES, &of_clients), 3);
    assert_eq!(total(&metrics, CONNECTED, &of_clients), 0);
}

#[tokio::test(start_paused = true)]
async fn prometheus_text_has_the_names_units_and_labels() {
    let fixture = Fixture::start(Transport::NodeStream, 1);
    let manager = fixture.manager(1);
    let numbered = connect(manager, Count(1)).await;
    let numbered = numbered.with_options(CallOptions::new().timeout(SECOND));
    numbered.quorum(request(1)).await.expect("a reply");
    numbered
        .quorum(wish(2, Wish::Panic))
        .await
        .expect_err("it panics");
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(fixture.client.clone()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("it is encoded");
    for expected in [
        "# TYPE rpc_client_call_duration_seconds histogram\n",
        "# UNIT rpc_client_call_duration_seconds seconds\n",
        "rpc_client_call_duration_seconds_count{rpc_system_name=\"grpc\",rpc_method=\"numbered.Numbered/Quorum\",gorums_outcome=\"decided\"} 1\n",
        "rpc_client_call_duration_seconds_bucket{le=\"+Inf\",rpc_system_name=\"grpc\",rpc_method=\"numbered.Numbered/Quorum\",gorums_outcome=\"decided\"} 1\n",
        "gorums_client_node_errors_total{gorums_node_id=\"1\",server_address=\"10.0.0.1\",server_port=\"4000\",rpc_response_status_code=\"INTERNAL\"} 1\n",
        "gorums_client_node_connected{gorums_node_id=\"1\",server_address=\"10.0.0.1\",server_port=\"4000\"} 1\n",
        "gorums_client_node_queue_size_bytes{gorums_node_id=\"1\"",
    ] {
        assert!(text.contains(expected), "no {expected} in\n{text}");
    }
}

/// The table of the module's documentation.
fn documented() -> Vec<(String, String, String)> {
    let source = include_str!("../../../gorums-runtime/src/metrics/mod.rs");
    let rows = source.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("//! | `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`').to_string();
        let (kind, unit) = (cells.next()?.to_string(), cells.next()?);
        ["counter", "gauge", "histogram"]
            .contains(&&*kind)
            .then(|| (name, kind, unit.trim_matches('`').to_string()))
    });
    rows.collect()
}

#[test]
fn the_documentation_lists_all_metrics_in_their_order() {
    let all = Description::all().iter().map(|metric| {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            _ => "unknown",
        };
        (
            metric.name.to_string(),
            kind.to_string(),
            metric.unit.to_string(),
        )
    });
    assert_eq!(documented(), all.collect::<Vec<_>>());
}
