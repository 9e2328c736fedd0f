//! The spans and events of calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::{Caller, NodeCaller};
use gorums_runtime::interceptors::Logging;
use gorums_runtime::{
    AggregateCall, CallOptions, Configuration, Credentials, Manager, NodeId, Server, SystemBuilder,
    Transport, Unicast, testing,
};
use tests::authority::Authority;
use tests::member::{Member, members, register};
use tests::network::Network;
use tests::numbered::Wish;
use tests::numbered_replica::{self, request, wish};
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::register::register_gorums::methods::{Read, Write};
use tests::replica::{Behaviour, Cluster, Gate};
use tests::spec::{Count, state};
use tonic::Status;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The name of a handler's span.
const HANDLER: &str = "handler";

type Fields = BTreeMap<String, String>;

/// The spans and events, in the order in which they start.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<Entry>>>);

/// A span or an event.
#[derive(Clone, Debug)]
struct Entry {
    span: Option<Id>,
    /// The name of the span around it.
    inside: Option<&'static str>,
    name: String,
    level: Level,
    fields: Fields,
}

impl Told {
    /// Records spans and events on this thread until the guard is dropped.
    fn listen() -> (Self, DefaultGuard) {
        let told = Self::default();
        let subscriber = tracing_subscriber::registry().with(told.clone());
        (told, tracing::subscriber::set_default(subscriber))
    }

    /// The spans of calls.
    fn spans(&self) -> Vec<Entry> {
        let entries = self.0.lock().expect("not poisoned");
        let spans = entries.iter().filter(|entry| entry.span.is_some());
        spans
            .filter(|entry| entry.name != HANDLER)
            .cloned()
            .collect()
    }

    /// The spans of handlers.
    fn handlers(&self) -> Vec<Entry> {
        let entries = self.0.lock().expect("not poisoned");
        let handlers = entries.iter().filter(|entry| entry.name == HANDLER);
        handlers.cloned().collect()
    }

    fn events(&self) -> Vec<Entry> {
        let entries = self.0.lock().expect("not poisoned");
        let events = entries.iter().filter(|entry| entry.span.is_none());
        events.cloned().collect()
    }

    /// The name and the outcome of each call's span.
    fn outcomes(&self) -> Vec<(String, String)> {
        let outcome = |span: &Entry| span.fields.get("gorums.outcome").cloned();
        let spans = self.spans().into_iter();
        spans
            .map(|span| (span.name.clone(), outcome(&span).unwrap_or_default()))
            .collect()
    }

    /// Forgets what was recorded.
    fn forget(&self) {
        self.0.lock().expect("not poisoned").clear();
    }

    fn push(&self, entry: Entry) {
        self.0.lock().expect("not poisoned").push(entry);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if metadata.target().starts_with("gorums_runtime") {
            let mut fields = Collect::default();
            attributes.record(&mut fields);
            self.push(Entry {
                span: Some(id.clone()),
                inside: context.lookup_current().map(|span| span.name()),
                name: metadata.name().to_string(),
                level: *metadata.level(),
                fields: fields.0,
            });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Collect::default();
        values.record(&mut fields);
        let mut entries = self.0.lock().expect("not poisoned");
        // Ids are reused: the last span with this one is meant.
        let mut spans = entries.iter_mut().rev();
        if let Some(span) = spans.find(|entry| entry.span.as_ref() == Some(id)) {
            span.fields.extend(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target().starts_with("gorums_runtime") {
            let mut fields = Collect::default();
            event.record(&mut fields);
            self.push(Entry {
                span: None,
                inside: context.event_span(event).map(|span| span.name()),
                name: fields.0.remove("message").unwrap_or_default(),
                level: *metadata.level(),
                fields: fields.0,
            });
        }
    }
}

#[derive(Default)]
struct Collect(Fields);

impl Visit for Collect {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_string(), value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_string(), format!("{value:?}"));
    }
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> Fields {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn silent() -> Behaviour {
    Behaviour::AnswerAfter(Gate::closed())
}

async fn configuration(cluster: &Cluster, replicas: u8) -> Configuration {
    let manager = cluster.network.manager(replicas).connect_lazy().await;
    manager.expect("a manager").configuration()
}

#[tokio::test(start_paused = true)]
async fn a_decided_call_is_a_span_with_an_event_for_each_reply() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let configuration = configuration(&cluster, 2).await;
        let register = RegisterConfiguration::new(configuration.clone()).with_spec(Count(2));
        let (told, _guard) = Told::listen();
        let call = register.read(ReadRequest {});
        call.timeout(Duration::from_secs(1)).await.expect("both");
        let [span] = &told.spans()[..] else {
            panic!("one span: {told:?}");
        };
        assert_eq!(
            (span.name.as_str(), span.level),
            ("quorum_call", Level::DEBUG)
        );
        let expected = fields([
            ("otel.name", "register.Register/Read"),
            ("otel.kind", "client"),
            ("rpc.system", "grpc"),
            ("rpc.service", "register.Register"),
            ("rpc.method", "Read"),
            ("gorums.configuration.id", &configuration.id().to_string()),
            ("gorums.nodes", "2"),
            ("gorums.deadline", "1s"),
            ("gorums.outcome", "decided"),
        ]);
        assert_eq!(span.fields, expected);
        let mut replies = told.events();
        replies.sort_by_key(|reply| reply.fields["gorums.node.id"].clone());
        for (number, reply) in (1..).zip(&replies) {
            assert_eq!((reply.name.as_str(), reply.level), ("reply", Level::TRACE));
            assert_eq!(reply.inside, Some("quorum_call"));
            let expected = fields([
                ("gorums.node.id", &number.to_string()),
                ("server.address", &format!("10.0.0.{number}")),
                ("server.port", "4000"),
                ("duration_us", "0"),
            ]);
            assert_eq!(reply.fields, expected);
        }
        assert_eq!(replies.len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_call_tells_how_its_nodes_failed() {
    on_both(async |transport| {
        let broken = Behaviour::FailAfter(Duration::from_millis(5), Status::internal("broken"));
        let cluster = Cluster::start(transport, [broken]);
        let register =
            RegisterConfiguration::new(configuration(&cluster, 2).await).with_spec(Count(2));
        let (told, _guard) = Told::listen();
        let call = register.read(ReadRequest {});
        call.await.expect_err("none is left");
        assert_eq!(
            told.outcomes(),
            [("quorum_call".into(), "incomplete".into())]
        );
        assert!(!told.spans()[0].fields.contains_key("gorums.deadline"));
        let failures = told.events();
        assert_eq!(failures.len(), 2);
        for failure in &failures {
            assert_eq!(
                (failure.name.as_str(), failure.level),
                ("failure", Level::DEBUG)
            );
            assert_eq!(failure.inside, Some("quorum_call"));
        }
        let code = |failure: &Entry| failure.fields["rpc.grpc.status_code"].clone();
        assert_eq!(code(&failures[0]), "14");
        let expected = fields([
            ("gorums.node.id", "1"),
            ("server.address", "10.0.0.1"),
            ("server.port", "4000"),
            ("duration_us", "5000"),
            ("rpc.grpc.status_code", "13"),
            ("error", "broken"),
        ]);
        assert_eq!(failures[1].fields, expected);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_cancelled_and_one_that_never_started_is_nothing() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [silent()]);
        let configuration = configuration(&cluster, 1).await;
        let register = RegisterConfiguration::new(configuration.clone()).with_spec(Count(1));
        let caller = Caller::new(configuration, ());
        let node = register.node(Network::id(1)).expect("a node");
        let (told, _guard) = Told::listen();
        drop(register.read(ReadRequest {}));
        assert!(told.spans().is_empty());
        let mut calls = (
            register.read(ReadRequest {}).into_future(),
            node.read_no_qc(ReadRequest {}).into_future(),
            AggregateCall::<Read>::new(&caller, ReadRequest {}).responses(),
            MulticastCall::<Write>::new(&caller, state("new", 1)).start(),
        );
        assert!((&mut calls.0).now_or_never().is_none());
        assert!((&mut calls.1).now_or_never().is_none());
        assert!(calls.2.next().now_or_never().is_none());
        let outcomes = told.outcomes();
        assert_eq!(outcomes.len(), 4);
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_empty()));
        drop(calls);
        let mut outcomes = told.outcomes();
        outcomes.sort_unstable();
        let cancelled = ["multicast", "node_call", "quorum_call", "responses"];
        assert_eq!(
            outcomes,
            cancelled.map(|name| (name.into(), "cancelled".into()))
        );
        assert!(told.events().is_empty());
        drop(register.read(ReadRequest {}).start());
        tests::settle().await;
        assert_eq!(
            told.outcomes()[4],
            ("quorum_call".into(), "cancelled".into())
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_way_to_call_has_its_span_and_tells_how_it_ended() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [Behaviour::Answer, silent()]);
        let (two, three) = (
            configuration(&cluster, 2).await,
            configuration(&cluster, 3).await,
        );
        let hurried = CallOptions::new().timeout(Duration::from_millis(50));
        let caller = Caller::new(two.clone(), ()).with_options(hurried);
        let one = caller.node(Network::id(1)).expect("a node");
        let down = three.node(Network::id(3));
        let down = NodeCaller::new(down.expect("a node"));
        let register = RegisterConfiguration::new(two).with_spec(Count(1));
        let (told, _guard) = Told::listen();
        let node = register.node(Network::id(1)).expect("a node");
        node.read_no_qc(ReadRequest {}).await.expect("a reply");
        let span = &told.spans()[0];
        assert_eq!(span.fields["gorums.node.id"], "1");
        assert_eq!(span.fields["server.address"], "10.0.0.1");
        assert_eq!(told.events()[0].inside, Some("node_call"));

        let read = || AggregateCall::<Read>::new(&caller, ReadRequest {});
        let responses: Vec<_> = read().responses().collect().await;
        assert_eq!(responses.len(), 2);
        assert_eq!(read().responses().collect_n(1).await.len(), 1);
        read().all().start().await.expect_err("one is late");
        read().first().start().await.expect("a reply");
        MulticastCall::<Write>::new(&caller, state("new", 1))
            .start()
            .await
            .expect("sent");
        Unicast::start::<Write>(&one, state("new", 1)).detach();
        let unicast = Unicast::start::<Write>(&down, state("new", 1));
        unicast.await.expect_err("down");
        let expected = [
            ("node_call", "answered"),
            ("responses", "deadline_exceeded"),
            ("responses", "decided"),
            ("quorum_call", "deadline_exceeded"),
            ("quorum_call", "decided"),
            ("multicast", "sent"),
            ("unicast", "detached"),
            ("unicast", "failed"),
        ];
        let expected = expected.map(|(name, outcome)| (name.to_string(), outcome.to_string()));
        assert_eq!(told.outcomes(), expected);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_inside_the_span_of_its_caller_and_a_panic_is_its_outcome() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let register =
            RegisterConfiguration::new(configuration(&cluster, 1).await).with_spec(Count(1));
        let (told, _guard) = Told::listen();
        let handle =
            tracing::info_span!("caller").in_scope(|| register.write(state("panic", 1)).start());
        handle.await.expect_err("a panic");
        assert_eq!(told.spans()[0].inside, Some("caller"));
        assert_eq!(told.outcomes(), [("quorum_call".into(), "panicked".into())]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_a_span_that_names_its_caller_and_contains_the_calls_that_it_makes() {
    on_both(async |transport| {
        let systems = members(transport, 2).await;
        let register = register(&systems.system(Network::id(1)));
        let (told, _guard) = Told::listen();
        register.read(ReadRequest {}).await.expect("a majority");
        let of = |method: &str, entries: Vec<Entry>| -> Vec<Entry> {
            let entries = entries.into_iter();
            entries
                .filter(|entry| entry.fields["rpc.method"] == method)
                .collect()
        };
        let expected = fields([
            ("otel.name", "register.Register/Read"),
            ("otel.kind", "server"),
            ("rpc.system", "grpc"),
            ("rpc.service", "register.Register"),
            ("rpc.method", "Read"),
            ("gorums.peer.id", "1"),
        ]);
        let handlers = of("Read", told.handlers());
        assert_eq!(handlers.len(), 2);
        for handler in handlers {
            assert_eq!(
                (handler.level, handler.fields),
                (Level::DEBUG, expected.clone())
            );
        }
        let nested = of("ReadAgreed", told.spans());
        assert_eq!(nested.len(), 2);
        for call in nested {
            assert_eq!(call.inside, Some(HANDLER));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_keeps_its_turn_while_others_wait_is_reported_once() {
    let mut cluster = numbered_replica::Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let node = numbered.nodes().next().expect("a node");
    let call = |request| tokio::spawn(node.call(request).into_future());
    let (told, _guard) = Told::listen();
    let kept = || -> Vec<Entry> {
        let events = told.events().into_iter();
        events
            .filter(|event| event.name == "handler_keeps_turn")
            .collect()
    };
    let alone = call(wish(1, Wish::Wait));
    cluster.event().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(kept().is_empty(), "nothing waits behind it");
    let behind = [2, 3, 4].map(|number| call(request(number)));
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(kept().is_empty(), "it is early");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let events = kept();
    assert_eq!(events.len(), 1);
    let expected = fields([
        ("rpc.service", "numbered.Numbered"),
        ("rpc.method", "Call"),
        ("gorums.waiting", "3"),
    ]);
    assert_eq!(
        (events[0].level, &events[0].fields),
        (Level::WARN, &expected)
    );
    cluster.gate.open();
    for ended in std::iter::once(alone).chain(behind) {
        ended.await.expect("no panic").expect("a reply");
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(kept().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_without_proof_is_reported_with_what_is_claimed_and_what_is_proved() {
    let [one, two, three] = [1, 2, 3].map(NodeId::new);
    let authority = Authority::new();
    let configure = move |id: NodeId, builder: SystemBuilder| {
        if id == one {
            return builder.tls(authority.member(1));
        }
        // It alone takes its certificate for that of member 2.
        let builder = builder.tls(authority.member(3));
        builder.identify_by(move |certificate| match certificate.node_id() {
            Some(id) if id == three => Some(two),
            proved => proved,
        })
    };
    let (told, _guard) = Told::listen();
    let systems = testing::systems_with(2, configure, Member::server).await;
    let systems = systems.expect("they start");
    let node = register(&systems.system(two)).node(one).expect("a member");
    node.read_no_qc(ReadRequest {}).await.expect_err("no proof");
    let mut events = told.events().into_iter();
    let refused = events.find(|event| event.name == "node_id_refused");
    let refused = refused.expect("an event");
    assert_eq!(refused.level, Level::WARN);
    assert_eq!(refused.fields["gorums.peer.id"], "2");
    let error = &refused.fields["error"];
    assert!(error.contains("proves node 3, not node 2"), "{error}");
}

#[tokio::test]
async fn a_server_reports_each_handshake_that_fails_with_the_address_and_what_to_do() {
    let authority = Authority::new();
    let cluster = numbered_replica::Cluster::start(0);
    let serve = async |credentials: Option<Credentials>| {
        let server = Server::new(cluster.router(1));
        let server = credentials
            .into_iter()
            .fold(server, |server, it| server.tls(it).expect("a certificate"));
        let bound = server.bind("127.0.0.1:0").await.expect("a free port");
        bound.start()
    };
    let encrypted = serve(Some(authority.credentials(&["localhost"]))).await;
    let plain = serve(None).await;
    let trusting = || authority.trusting().build().expect("valid");
    let stranger = Authority::named("another");
    let outdated = {
        let (certificate, key) = authority.issue_between([2000, 2001], &["client"]);
        authority.trusting().certificate(certificate, key).build()
    };
    let (told, _guard) = Told::listen();
    for (server, client, expected) in [
        (
            &encrypted,
            None,
            "the client connects without TLS; give it credentials",
        ),
        (
            &encrypted,
            Some(trusting()),
            "the client has no certificate; give it one that",
        ),
        (
            &encrypted,
            Some(stranger.credentials_trusting(&["client"], &[&authority])),
            "the client's certificate is not signed by a trusted authority",
        ),
        (
            &encrypted,
            Some(outdated.expect("valid")),
            "the client's certificate expired at Jan  1 00:00:00 2001 +00:00",
        ),
        (
            &encrypted,
            Some(stranger.credentials(&["client"])),
            "the client does not accept this server's certificate: its authority is unknown",
        ),
        (
            &plain,
            Some(trusting()),
            "the client connects by TLS, and this server does not use it; give the server",
        ),
    ] {
        // Whoever only looks whether the port is open is not reported.
        let look = tokio::net::TcpStream::connect(server.address()).await;
        drop(look.expect("it listens"));
        let port = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&port);
        let address = format!("localhost:{}", server.address().port());
        let builder = Manager::builder().node(NodeId::new(1), address);
        let builder = builder.connector(move |address| {
            let seen = Arc::clone(&seen);
            async move {
                let connection = tokio::net::TcpStream::connect(address).await?;
                *seen.lock().expect("not poisoned") = connection.local_addr()?.port();
                Ok(connection)
            }
        });
        let ipv4 = server.address();
        let builder = builder.resolver(move |_| async move { Ok(vec![ipv4]) });
        let builder = client
            .into_iter()
            .fold(builder, |builder, it| builder.tls(it));
        builder.connect().await.expect_err("TLS fails");
        let reported = async {
            loop {
                let events = told.events().into_iter();
                let mut failed = events.filter(|event| event.name == "tls_handshake_failed");
                if let Some(event) = failed.next() {
                    assert!(failed.next().is_none(), "reported twice");
                    break event;
                }
                tokio::task::yield_now().await;
            }
        };
        let event = tests::soon("an event", reported).await;
        assert_eq!(event.level, Level::WARN);
        assert!(event.fields["error"].starts_with(expected), "{event:?}");
        assert_eq!(event.fields["client.address"], "127.0.0.1");
        let port = *port.lock().expect("not poisoned");
        assert_eq!(event.fields["client.port"], port.to_string());
        told.forget();
    }
}

#[tokio::test(start_paused = true)]
async fn the_logging_interceptor_tells_of_each_call_at_both_ends() {
    on_both(async |transport| {
        let cluster = numbered_replica::Cluster::start_on(transport, 0);
        cluster
            .network
            .serve(1, cluster.router(1).intercept(Logging));
        let (told, _guard) = Told::listen();
        let manager = cluster.network.manager(1).intercept(Logging);
        let numbered = numbered_replica::connect(manager, Count(1)).await;
        let delay = Duration::from_secs(2);
        let late = numbered.quorum(wish(1, Wish::Cancelled)).timeout(delay);
        late.await.expect_err("its deadline");
        tests::settle().await;
        numbered.quorum(request(2)).await.expect("a reply");
        let events = |name: &str| -> Vec<Entry> {
            let events = told.events().into_iter();
            events.filter(|event| event.name == name).collect()
        };
        let [late, good] = &events("called")[..] else {
            panic!("{told:?}");
        };
        assert_eq!(late.level, Level::INFO);
        let took: u64 = late.fields["duration_us"].parse().expect("a number");
        assert!((2_000_000..2_100_000).contains(&took), "{took}");
        let counts = |nodes, replies, errors, outcome| {
            fields([
                ("rpc.method", "numbered.Numbered/Quorum"),
                ("gorums.nodes", nodes),
                ("gorums.replies", replies),
                ("gorums.errors", errors),
                ("gorums.outcome", outcome),
            ])
        };
        let without_time = |event: &Entry| {
            let mut fields = event.fields.clone();
            fields.remove("duration_us");
            fields
        };
        assert_eq!(
            without_time(late),
            counts("1", "0", "1", "deadline_exceeded")
        );
        assert_eq!(without_time(good), counts("1", "1", "0", "decided"));
        let served = events("served");
        let good = served.last().expect("it was served");
        assert_eq!(good.level, Level::INFO);
        let expected = fields([
            ("rpc.method", "numbered.Numbered/Quorum"),
            ("rpc.grpc.status_code", "0"),
        ]);
        assert_eq!(without_time(good), expected);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn handlers_that_take_turns_are_not_reported_however_many_wait() {
    let cluster = numbered_replica::Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let node = numbered.nodes().next().expect("a node");
    let (told, _guard) = Told::listen();
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let call = node.call(wish(number, Wish::Cancelled));
            tokio::spawn(
                call.timeout(Duration::from_millis(500 * number))
                    .into_future(),
            )
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect_err("its deadline");
    }
    let events = told.events().into_iter();
    assert_eq!(events.filter(|event| event.level == Level::WARN).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn members_that_wait_for_each_other_in_their_turns_are_reported_and_released_ones_are_not() {
    let systems = members(Transport::NodeStream, 2).await;
    let register = register(&systems.system(Network::id(1)));
    let (told, _guard) = Told::listen();
    let timeout = Duration::from_secs(5);
    register
        .read(ReadRequest {})
        .timeout(timeout)
        .await
        .expect("its handlers release their turns");
    register
        .read_for_write(ReadRequest {})
        .timeout(timeout)
        .await
        .expect_err("its handlers keep their turns, and wait for each other");
    let events = told.events().into_iter();
    let kept: Vec<Entry> = events
        .filter(|event| event.name == "handler_keeps_turn")
        .collect();
    assert!(!kept.is_empty());
    for event in kept {
        assert_eq!(event.level, Level::WARN);
        assert_eq!(event.fields["rpc.method"], "ReadForWrite");
        assert_eq!(event.fields["gorums.peer.id"], "1");
    }
}
