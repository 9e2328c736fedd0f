//! Calls that a server makes to its clients, on the streams that they have opened.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::guide::example::log::log_gorums::{LogNode, LogReplica, LogReplicaServer};
use gorums_runtime::guide::example::log::{Command, Commands, Entry, Position};
use gorums_runtime::server::{Clients, Router, StreamLimits};
use gorums_runtime::{CallOptions, ConnectivityEvent, Context, Manager, ManagerBuilder, Transport};
use tests::network::Network;
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode};
use tests::numbered::{Request, Wish};
use tests::numbered_replica::{Cluster, Event, began_at, request, wish};
use tests::soon;
use tests::spec::Count;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::wire::message::Message;
use crate::wire::raw_client::RawClient;

/// The number of the server among the replicas. The clients have the others.
const SERVER: u8 = 100;

/// A server, and clients that it can call.
struct Fixture {
    /// The server, and what the clients serve.
    cluster: Cluster,
    clients: Clients,
    managers: Vec<Manager>,
}

impl Fixture {
    /// A server with the clients 1, 2, ..., which serve numbered replicas of these numbers.
    async fn start(clients: u8) -> Self {
        Self::with(clients, Clients::new(), |options| options).await
    }

    async fn with(
        clients: u8,
        pool: Clients,
        options: impl Fn(ManagerBuilder) -> ManagerBuilder,
    ) -> Self {
        let cluster = Cluster::start(0);
        let router = cluster.router(SERVER).clients(pool.clone());
        cluster.network.serve(SERVER, router);
        let mut fixture = Self {
            cluster,
            clients: pool,
            managers: Vec::new(),
        };
        for number in 1..=clients {
            // One after the other, so that their ids rise.
            fixture.connect(options(fixture.client(number))).await;
        }
        fixture
    }

    /// A client that serves the replica `number`.
    fn client(&self, number: u8) -> ManagerBuilder {
        let services = self.cluster.router(number);
        self.plain_client().serve(services)
    }

    /// A client that accepts no calls.
    fn plain_client(&self) -> ManagerBuilder {
        let network = &self.cluster.network;
        network
            .manager(0)
            .node(Network::id(SERVER), Network::address(SERVER))
    }

    /// A client that does only what the test says.
    async fn raw_client(&self, headers: &[(&'static str, &str)]) -> RawClient {
        let manager = self.plain_client().connect_lazy().await.expect("a manager");
        let node = manager.node(Network::id(SERVER)).expect("the server");
        let opened = RawClient::open_to(&node, headers).await;
        opened.expect("a stream")
    }

    async fn connect(&mut self, builder: ManagerBuilder) {
        let manager = builder.connect_lazy().await.expect("a manager");
        self.managers.push(manager);
        let connectivity = self.clients.connectivity();
        let before = connectivity.connected().len();
        let connected = soon("the client", connectivity.wait_for(before + 1)).await;
        connected.expect("the server is up");
    }

    /// The service on all clients.
    fn all(&self) -> NumberedConfiguration<Count> {
        let configuration = self.clients.configuration();
        let all = Count(configuration.size());
        NumberedConfiguration::new(configuration).with_spec(all)
    }

    /// The service on the client that connected first.
    fn first(&self) -> NumberedNode {
        self.all().nodes().next().expect("a client")
    }

    /// The service on the server, as the client that connected first calls it.
    fn server(&self) -> NumberedNode {
        let node = self.managers[0].node(Network::id(SERVER));
        NumberedNode::new(node.expect("the server"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_calls_the_clients_that_accept_calls_and_no_others() {
    let mut fixture = Fixture::start(3).await;
    let plain = fixture.plain_client().keep_connected();
    let plain = plain.connect_lazy().await.expect("a manager");
    let connectivity = plain.connectivity();
    let connected = soon("the plain client", connectivity.wait_for(1)).await;
    connected.expect("the server is up");
    let all = fixture.all();
    let ids: Vec<u32> = all.nodes().map(|node| node.id().get()).collect();
    let first = Clients::FIRST_ID.get();
    assert_eq!(ids, [first, first + 1, first + 2]);
    let reply = all.quorum(request(7)).await.expect("all reply");
    assert_eq!(reply.number, 7);
    let events = fixture.cluster.past_events();
    for client in 1..=3 {
        assert_eq!(began_at(client, &events), [7], "client {client}");
    }
    let reply = fixture.first().call(request(8)).await;
    assert_eq!(reply.expect("it replies").number, 8);
    assert_eq!(fixture.cluster.began_at(1), [8]);
}

#[tokio::test(start_paused = true)]
async fn a_multicast_to_the_clients_is_handled_by_each_once() {
    let mut fixture = Fixture::start(3).await;
    let all = fixture.all();
    for number in 1..=20 {
        all.multicast(request(number)).await.expect("it is sent");
    }
    let mut handled = [(); 3].map(|()| Vec::new());
    for _ in 0..2 * 3 * 20 {
        if let Event::Began { replica, number } = fixture.cluster.event().await {
            handled[usize::from(replica) - 1].push(number);
        }
    }
    let in_order: Vec<u64> = (1..=20).collect();
    assert_eq!(handled, [(); 3].map(|()| in_order.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_client_handles_requests_in_order_until_a_handler_releases_its_turn() {
    let mut fixture = Fixture::start(1).await;
    let node = fixture.first();
    let calls = [
        wish(1, Wish::Release),
        wish(2, Wish::Wait),
        request(3),
        request(4),
    ];
    let calls = calls.map(|request| tokio::spawn(node.call(request).into_future()));
    tests::settle().await;
    assert_eq!(fixture.cluster.began_at(1), [1, 2]);
    fixture.cluster.gate.open();
    for (call, number) in calls.into_iter().zip(1..) {
        let reply = soon("a reply", call).await.expect("no panic");
        assert_eq!(reply.expect("it replies").number, number);
    }
    assert_eq!(fixture.cluster.began_at(1), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_client_calls_its_server_while_its_server_calls_it() {
    let fixture = Fixture::start(1).await;
    let (client, server) = (fixture.first(), fixture.server());
    let waiting = tokio::spawn(client.call(wish(1, Wish::Wait)).into_future());
    for number in 10..20 {
        let reply = soon("a reply", server.call(request(number)).into_future()).await;
        assert_eq!(reply.expect("it replies").number, number);
    }
    fixture.cluster.gate.open();
    let reply = soon("the reply of the client", waiting).await;
    let reply = reply.expect("no panic").expect("it replies");
    assert_eq!(reply.number, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_cancelled_at_the_client() {
    let mut fixture = Fixture::start(1).await;
    let call = fixture.all().quorum(wish(1, Wish::Cancelled));
    let late = tokio::time::timeout(Duration::from_secs(1), call.into_future()).await;
    assert!(late.is_err(), "nobody cancels it before");
    let events = [fixture.cluster.event().await, fixture.cluster.event().await];
    let (replica, number) = (1, 1);
    let expected = [
        Event::Began { replica, number },
        Event::Ended { replica, number },
    ];
    assert_eq!(events, expected);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_call_travels_to_the_client() {
    let mut fixture = Fixture::start(1).await;
    let call = fixture.first().call(wish(1, Wish::Cancelled));
    let error = call.timeout(Duration::from_secs(1)).await;
    let error = error.expect_err("the client waits for the deadline");
    assert_eq!(error.status().code(), Code::DeadlineExceeded);
    let (_began, ended) = (fixture.cluster.event().await, fixture.cluster.event().await);
    let (replica, number) = (1, 1);
    assert_eq!(ended, Event::Ended { replica, number });
}

#[tokio::test(start_paused = true)]
async fn a_handler_of_a_client_that_panics_fails_its_own_call_only() {
    let fixture = Fixture::start(1).await;
    let node = fixture.first();
    let error = node.call(wish(1, Wish::Panic)).await;
    let error = error.expect_err("the handler panics");
    assert_eq!(error.status().code(), Code::Internal);
    assert!(node.call(request(2)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_client_streams_its_replies() {
    let fixture = Fixture::start(2).await;
    let watched = Request {
        size: 5,
        ..request(3)
    };
    let replies: Vec<_> = fixture.all().watch(watched).responses().collect().await;
    assert_eq!(replies.len(), 10);
    for (_, reply) in replies {
        assert_eq!(reply.expect("all reply").number, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn large_requests_and_replies_pass_whole() {
    let fixture = Fixture::start(1).await;
    let node = fixture.first();
    for size in [0, 1, 70_000, 3_000_000] {
        let sized = Request {
            size,
            ..request(size.into())
        };
        let reply = soon("a reply", node.call(sized).into_future()).await;
        assert_eq!(reply.expect("it replies").padding.len(), size as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_fail_on_a_client_that_disconnects_and_it_is_gone() {
    let mut fixture = Fixture::start(2).await;
    let all = fixture.all();
    let mut events = fixture.clients.connectivity().events();
    for _ in 0..2 {
        let event = soon("a client", events.next()).await.expect("an event");
        assert!(event.is_connected());
    }
    let (first, id) = (fixture.first(), fixture.first().id());
    let waiting = tokio::spawn(first.call(wish(1, Wish::Wait)).into_future());
    fixture.cluster.event().await;
    fixture.managers[0].close();
    let error = soon("the end", waiting).await.expect("no panic");
    let error = error.expect_err("the client has gone");
    assert_eq!(error.status().code(), Code::Unavailable);
    assert_eq!(error.status().message(), "the client has disconnected");
    let event = soon("the end", events.next()).await.expect("an event");
    match event {
        ConnectivityEvent::Disconnected {
            node_id, reason, ..
        } => {
            assert_eq!(node_id, id);
            assert_eq!(reason.message(), "the client has disconnected");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fixture.all().configuration().size(), 1);
    let failed = all.quorum(request(2)).await.expect_err("one has gone");
    assert_eq!(failed.errors().len(), 1);
    assert!(first.call(request(3)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_connects_again_is_another_node() {
    let mut fixture = Fixture::start(1).await;
    let old = fixture.first().id();
    fixture.cluster.network.cut(SERVER);
    let connectivity = fixture.clients.connectivity();
    let again =
        connectivity.wait_until(|connected| !connected.is_empty() && !connected.contains(&old));
    soon("the client", again).await.expect("the server is up");
    let new = fixture.first();
    assert_ne!(new.id(), old);
    assert!(new.call(request(1)).await.is_ok());
    assert_eq!(fixture.cluster.began_at(1), [1]);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_a_clients_limit_are_refused_and_its_own_calls_go_on() {
    let pool = Clients::new();
    let mut fixture = Fixture::with(0, pool, |options| options).await;
    let slow = fixture.cluster.service(1);
    let slow = Router::new()
        .add_replica(slow)
        .stream_limits(StreamLimits::new().backlog(10, 1 << 20));
    let slow = fixture.plain_client().serve(slow).queue_limit(20, 1 << 20);
    fixture.connect(slow).await;
    let node = fixture.first();
    let waiting = tokio::spawn(node.call(wish(1, Wish::Wait)).into_future());
    fixture.cluster.event().await;
    let calls: Vec<_> = (2..102)
        .map(|number| tokio::spawn(node.call(request(number)).into_future()))
        .collect();
    tests::settle().await;
    assert!(fixture.server().call(request(200)).await.is_ok());
    fixture.cluster.gate.open();
    assert!(soon("the reply", waiting).await.expect("no panic").is_ok());
    let mut refused = 0;
    for call in calls {
        if let Err(error) = soon("an end", call).await.expect("no panic") {
            assert_eq!(error.status().code(), Code::ResourceExhausted);
            refused += 1;
        }
    }
    assert!((50..100).contains(&refused), "{refused} were refused");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_limited_and_others_are_not() {
    let pool = Clients::with_options(|options| options.queue_limit(10, 1 << 20));
    let mut fixture = Fixture::with(1, pool, |options| options).await;
    let _stuck = fixture.raw_client(&[("gorums-node-id", "0")]).await;
    let connectivity = fixture.clients.connectivity();
    let connected = soon("the client", connectivity.wait_for(2)).await;
    connected.expect("the server is up");
    let all = fixture.all();
    let stuck = all.nodes().last().expect("two clients").id();
    let mut metadata = MetadataMap::new();
    let large = "x".repeat(32 * 1024).parse().expect("ASCII");
    metadata.insert("large", large);
    let all = all.with_options(CallOptions::new().metadata(metadata));
    let mut number = 0;
    // The calls that wait for the client go on, and so do their requests.
    let mut waiting = Vec::new();
    let error = loop {
        number += 1;
        assert!(number < 1000, "nothing limits it");
        let mut call = tokio::spawn(all.quorum(request(number)).into_future());
        tests::settle().await;
        match (&mut call).now_or_never() {
            Some(ended) => break ended.expect("no panic").expect_err("it is stuck"),
            None => waiting.push(call),
        }
    };
    assert_eq!(error.errors().len(), 1);
    let error = &error.errors()[0];
    assert_eq!(error.node_id(), stuck);
    assert_eq!(error.status().code(), Code::ResourceExhausted);
    let handled = fixture.cluster.began_at(1);
    assert_eq!(handled, (1..=number).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn replies_that_a_client_makes_up_are_ignored() {
    let fixture = Fixture::start(1).await;
    let raw = fixture.raw_client(&[("gorums-node-id", "0")]).await;
    let connectivity = fixture.clients.connectivity();
    let connected = soon("the client", connectivity.wait_for(2)).await;
    connected.expect("the server is up");
    for number in [0, 1, 2, 1 << 62, u64::MAX >> 1] {
        let reply = Message {
            message_seq_no: number | 1 << 63,
            method: "numbered.Numbered.Call".to_owned(),
            ..Message::default()
        };
        raw.send(reply.bytes());
    }
    tests::settle().await;
    let waiting = fixture.first().call(wish(1, Wish::Wait));
    let waiting = tokio::spawn(waiting.into_future());
    for number in 1..100 {
        let reply = Message {
            message_seq_no: number | 1 << 63,
            method: "numbered.Numbered.Call".to_owned(),
            ..Message::default()
        };
        raw.send(reply.bytes());
    }
    tests::settle().await;
    let reply = waiting.now_or_never();
    assert!(reply.is_none(), "another client answered it: {reply:?}");
}

/// Serves a log at both ends.
struct Log {
    texts: Vec<String>,
}

impl LogReplica for Log {
    /// Counts the entries of the caller.
    async fn propose(&self, ctx: &Context, _: Command) -> Result<Position, Status> {
        let Some(caller) = ctx.caller() else {
            return Err(Status::failed_precondition("the caller accepts no calls"));
        };
        let caller = LogNode::new(caller.clone());
        let log = caller.read(()).await?;
        Ok(Position {
            index: log.texts.len() as u64,
        })
    }

    /// Has the texts, or that in the metadata.
    async fn read(&self, ctx: &Context, _: ()) -> Result<Commands, Status> {
        let text = ctx.metadata().get("text");
        let texts = match text.and_then(|text| text.to_str().ok()) {
            Some(text) => vec![text.to_owned()],
            None => self.texts.clone(),
        };
        Ok(Commands { texts })
    }

    async fn append(&self, _: &Context, _: Entry) -> Result<Position, Status> {
        Err(Status::unimplemented("no entries"))
    }

    async fn fetch(&self, _: &Context, _: ()) -> Result<Commands, Status> {
        Err(Status::unimplemented("no entries"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_calls_its_caller_back_if_that_accepts_calls() {
    let network = Network::new(Transport::NodeStream);
    let server = LogReplicaServer::new(Log { texts: Vec::new() });
    let server = Router::from(server).clients(Clients::new());
    network.serve(1, server);
    let propose = async |builder: ManagerBuilder| {
        let manager = builder.connect_lazy().await.expect("a manager");
        let node = manager.node(Network::id(1)).expect("the server");
        let called = LogNode::new(node).propose(Command::default());
        soon("the reply", called.into_future()).await
    };
    for entries in [0, 1, 5] {
        let texts = vec!["entry".to_owned(); entries];
        let client = LogReplicaServer::new(Log { texts });
        let position = propose(network.manager(1).serve(client)).await;
        assert_eq!(position.expect("a position").index, entries as u64);
    }
    let error = propose(network.manager(1))
        .await
        .expect_err("a plain client");
    assert_eq!(error.code(), Code::FailedPrecondition);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_calls_over_plain_grpc_is_called_on_its_node_stream() {
    let cluster = Cluster::start_on(Transport::Grpc, 0);
    let clients = Clients::new();
    let router = cluster.router(SERVER).clients(clients.clone());
    cluster.network.serve(SERVER, router);
    let manager = cluster.network.manager(0);
    let manager = manager.node(Network::id(SERVER), Network::address(SERVER));
    let manager = manager.serve(cluster.router(1)).connect_lazy().await;
    let manager = manager.expect("a manager");
    let connectivity = clients.connectivity();
    let connected = soon("the client", connectivity.wait_for(1)).await;
    connected.expect("the server is up");
    let clients = clients.configuration();
    let client = NumberedConfiguration::new(clients).with_spec(Count(1));
    assert!(client.quorum(request(1)).await.is_ok());
    let server = NumberedConfiguration::new(manager.configuration()).with_spec(Count(1));
    assert!(server.quorum(request(2)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_metadata_of_a_call_reaches_the_handler_at_the_client() {
    let network = Network::new(Transport::NodeStream);
    let clients = Clients::new();
    let server = LogReplicaServer::new(Log { texts: Vec::new() });
    network.serve(1, Router::from(server).clients(clients.clone()));
    let client = LogReplicaServer::new(Log { texts: Vec::new() });
    let manager = network.manager(1).serve(client).connect_lazy().await;
    let _manager = manager.expect("a manager");
    let connectivity = clients.connectivity();
    let connected = soon("the client", connectivity.wait_for(1)).await;
    connected.expect("the server is up");
    let client = clients.configuration().nodes().next().cloned();
    let client = LogNode::new(client.expect("a client"));
    let mut metadata = MetadataMap::new();
    metadata.insert("text", "abc".parse().expect("ASCII"));
    let log = client.read(()).metadata(metadata).await.expect("a reply");
    assert_eq!(log.texts, ["abc"]);
}
