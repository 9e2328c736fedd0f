//! The traces of calls, as OpenTelemetry's SDK exports them.

use std::collections::HashMap;

use futures::StreamExt;
use gorums_runtime::interceptors::{CallWatch, ClientCall, ClientInterceptor, TraceContext};
use gorums_runtime::server::{Clients, Router};
use gorums_runtime::testing::Systems;
use gorums_runtime::{Server, System, Transport, testing};
use opentelemetry::trace::{SpanId, SpanKind, TraceId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tests::member::Member;
use tests::network::Network;
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered_replica::{self, request};
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::spec::Count;
use tests::{on_both, settle, soon};
use tonic::Status;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, Level};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// The spans that end on this thread.
struct Traces {
    exporter: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _guard: DefaultGuard,
}

impl Traces {
    fn listen() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        // HTTP/2 has spans of its own.
        let ours = Targets::new()
            .with_target("gorums_runtime", Level::DEBUG)
            .with_target("traces", Level::INFO);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(ours));
        Self {
            exporter,
            _provider: provider,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The spans that have ended since the last time, as lines: a span's kind and name, indented by how many spans it is in.
    /// Those of a trace are in the order of their names, each before those in it.
    async fn trees(&self) -> Vec<Vec<String>> {
        settle().await;
        let spans = self.exporter.get_finished_spans().expect("an exporter");
        self.exporter.reset();
        let mut children: HashMap<(TraceId, SpanId), Vec<&SpanData>> = HashMap::new();
        for span in &spans {
            let parent = (span.span_context.trace_id(), span.parent_span_id);
            children.entry(parent).or_default().push(span);
        }
        let roots = spans
            .iter()
            .filter(|span| span.parent_span_id == SpanId::INVALID);
        let trees = roots.map(|root| {
            let mut lines = Vec::new();
            add(root, 0, &children, &mut lines);
            lines
        });
        let trees: Vec<Vec<String>> = trees.collect();
        let in_trees: usize = trees.iter().map(Vec::len).sum();
        assert_eq!(
            in_trees,
            spans.len(),
            "spans without their parents: {spans:#?}"
        );
        trees
    }
}

fn add(
    span: &SpanData,
    depth: usize,
    children: &HashMap<(TraceId, SpanId), Vec<&SpanData>>,
    lines: &mut Vec<String>,
) {
    let kind = match span.span_kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        _ => "other",
    };
    lines.push(format!("{}{kind} {}", "  ".repeat(depth), span.name));
    let context = &span.span_context;
    let inside = children.get(&(context.trace_id(), context.span_id()));
    let mut inside = inside.cloned().unwrap_or_default();
    inside.sort_by(|a, b| a.name.cmp(&b.name));
    for child in inside {
        add(child, depth + 1, children, lines);
    }
}

/// Three members that carry the trace context, to each other and to their clients.
async fn members(transport: Transport) -> Systems {
    let systems = testing::systems_with(
        3,
        move |_, builder| {
            builder.manager(|manager| manager.transport(transport).intercept(TraceContext))
        },
        |system: &System| Server::new(Member::server(system)).intercept(TraceContext),
    );
    let systems = systems.await.expect("they start");
    soon("the connections", systems.connected()).await;
    systems
}

#[tokio::test(start_paused = true)]
async fn a_call_and_the_calls_that_its_handlers_make_are_one_trace() {
    on_both(async |transport| {
        let systems = members(transport).await;
        let traces = Traces::listen();
        let first = systems.system(1.into()).configuration();
        let second = first.nodes().nth(1).expect("three members").id();
        let one = first.without(first.node_ids().filter(|id| *id != second));
        let register = RegisterConfiguration::new(one.expect("one member")).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect("a reply");
        let expected = [
            "client register.Register/Read",
            "  server register.Register/Read",
            "    client register.Register/ReadAgreed",
            "      server register.Register/ReadAgreed",
            "      server register.Register/ReadAgreed",
            "      server register.Register/ReadAgreed",
        ];
        assert_eq!(traces.trees().await, [expected]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_type_of_call_is_the_parent_of_its_handlers() {
    on_both(async |transport| {
        let cluster = numbered_replica::Cluster::start_on(transport, 0);
        let router = cluster.router(1).intercept(TraceContext);
        cluster.network.serve(1, router);
        let manager = cluster.network.manager(1).intercept(TraceContext);
        let numbered = numbered_replica::connect(manager, Count(1)).await;
        numbered.quorum(request(1)).await.expect("a reply");
        let node = numbered.nodes().next().expect("a node");
        let traces = Traces::listen();
        let of = |method: &str| {
            let name = format!("numbered.Numbered/{method}");
            vec![vec![format!("client {name}"), format!("  server {name}")]]
        };
        numbered.quorum(request(1)).await.expect("a reply");
        assert_eq!(traces.trees().await, of("Quorum"));
        numbered
            .aggregate(request(1))
            .majority()
            .await
            .expect("a reply");
        assert_eq!(traces.trees().await, of("Aggregate"));
        let responses = numbered.aggregate(request(1)).responses();
        assert_eq!(responses.count().await, 1);
        assert_eq!(traces.trees().await, of("Aggregate"));
        node.call(request(1)).await.expect("a reply");
        assert_eq!(traces.trees().await, of("Call"));
        node.unicast(request(1)).await.expect("it is sent");
        assert_eq!(traces.trees().await, of("Unicast"));
        numbered.multicast(request(1)).await.expect("it is sent");
        assert_eq!(traces.trees().await, of("Multicast"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_inside_of_the_span_in_which_it_is_made() {
    let cluster = numbered_replica::Cluster::start(0);
    let router = cluster.router(1).intercept(TraceContext);
    cluster.network.serve(1, router);
    let manager = cluster.network.manager(1).intercept(TraceContext);
    let numbered = numbered_replica::connect(manager, Count(1)).await;
    let traces = Traces::listen();
    let work = async { numbered.quorum(request(1)).await };
    work.instrument(tracing::info_span!("work"))
        .await
        .expect("a reply");
    let expected = [
        "other work",
        "  client numbered.Numbered/Quorum",
        "    server numbered.Numbered/Quorum",
    ];
    assert_eq!(traces.trees().await, [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_server_to_its_client_is_the_parent_of_the_clients_handler() {
    let cluster = numbered_replica::Cluster::start(0);
    let clients = Clients::with_options(|options| options.intercept(TraceContext));
    cluster
        .network
        .serve(9, cluster.router(9).clients(clients.clone()));
    let manager = cluster.network.manager(0);
    let manager = manager.node(Network::id(9), Network::address(9));
    let services = cluster.router(1).intercept(TraceContext);
    let manager = manager.serve(services).connect_lazy().await;
    let _manager = manager.expect("a manager");
    let connectivity = clients.connectivity();
    let connected = soon("the client", connectivity.wait_for(1)).await;
    connected.expect("the server is up");
    let traces = Traces::listen();
    let numbered = NumberedConfiguration::new(clients.configuration()).with_spec(Count(1));
    numbered.quorum(request(1)).await.expect("a reply");
    let expected = [
        "client numbered.Numbered/Quorum",
        "  server numbered.Numbered/Quorum",
    ];
    assert_eq!(traces.trees().await, [expected]);
}

/// Sends entries of its own.
struct Entries(&'static [(&'static str, &'static str)]);

impl ClientInterceptor for Entries {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        for (key, value) in self.0 {
            let value = value.parse().map_err(|_| Status::internal("no ASCII"))?;
            call.metadata_mut().append(*key, value);
        }
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_that_is_no_trace_context_is_ignored() {
    on_both(async |transport| {
        let cluster = numbered_replica::Cluster::start_on(transport, 0);
        let router: Router = cluster.router(1).intercept(TraceContext);
        cluster.network.serve(1, router);
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for parent in [
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "nonsense",
            good,
        ] {
            let entries: &'static [_] = Box::leak(Box::new([("traceparent", parent)]));
            let manager = cluster.network.manager(1).intercept(Entries(entries));
            let numbered = numbered_replica::connect(manager, Count(1)).await;
            let traces = Traces::listen();
            numbered.quorum(request(1)).await.expect("a reply");
            settle().await;
            let spans = traces.exporter.get_finished_spans().expect("an exporter");
            let mut handlers = spans
                .iter()
                .filter(|span| span.span_kind == SpanKind::Server);
            let handler = handlers.next().expect("the handler's span");
            let is_child = handler.parent_span_id != SpanId::INVALID;
            assert_eq!(is_child, parent == good, "{parent}");
        }
    })
    .await;
}
