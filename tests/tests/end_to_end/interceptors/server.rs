//! Functions around each call that a server handles.

use std::sync::{Arc, Mutex};

use gorums_runtime::codegen::NodeCaller;
use gorums_runtime::interceptors::{AnyMessage, Next, ServerCall, ServerInterceptor};
use gorums_runtime::server::{Clients, Router};
use gorums_runtime::{Context, Manager, Method, Node, NodeCall, Transport, testing};
use tests::golden::no_package::pinger_gorums::{PingerReplica, PingerReplicaServer};
use tests::golden::no_package::{Ping, Pong};
use tests::member::{Member, register};
use tests::network::Network;
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered::{Reply, Request, Wish};
use tests::numbered_replica::{Cluster, Event, request, wish};
use tests::register::ReadRequest;
use tests::spec::Count;
use tests::{on_both, soon};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// What interceptors have seen, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no panic").push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

/// Notes calls, and how they end.
struct Noting {
    name: &'static str,
    seen: Seen,
}

impl ServerInterceptor for Noting {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        let number = call.request_as::<Request>().map(|request| request.number);
        let (name, method) = (self.name, call.name().to_owned());
        self.seen.note(format!("{name} in {method} {number:?}"));
        let outcome = next.run(call).await;
        self.seen.note(match &outcome {
            Ok(reply) => {
                let number = reply.downcast_ref::<Reply>().map(|reply| reply.number);
                format!("{name} out {number:?}")
            }
            Err(status) => format!("{name} out {:?}", status.code()),
        });
        outcome
    }
}

/// A cluster of one replica with two noting interceptors, `a` around `b`, and its service.
async fn noted(transport: Transport) -> (Cluster, NumberedConfiguration<Count>, Seen) {
    let seen = Seen::default();
    let cluster = Cluster::start_on(transport, 0);
    let noting = |name| Noting {
        name,
        seen: seen.clone(),
    };
    let router = cluster
        .router(1)
        .intercept(noting("a"))
        .intercept(noting("b"));
    cluster.network.serve(1, router);
    let numbered = cluster.numbered(1).await;
    (cluster, numbered, seen)
}

fn node(numbered: &NumberedConfiguration<Count>) -> Node {
    numbered
        .configuration()
        .nodes()
        .next()
        .expect("a node")
        .clone()
}

#[tokio::test]
async fn interceptors_are_around_each_other_and_the_handler_of_each_type_of_call() {
    on_both(async |transport| {
        let (mut cluster, numbered, seen) = noted(transport).await;
        let around = |method: &str, number: u64, reply: &str| {
            [
                format!("a in numbered.Numbered/{method} Some({number})"),
                format!("b in numbered.Numbered/{method} Some({number})"),
                format!("b out {reply}"),
                format!("a out {reply}"),
            ]
        };
        numbered.quorum(request(1)).await.expect("a reply");
        assert_eq!(seen.take(), around("Quorum", 1, "Some(1)"));
        let replica = numbered.nodes().next().expect("a node");
        replica.call(request(2)).await.expect("a reply");
        assert_eq!(seen.take(), around("Call", 2, "Some(2)"));
        replica.concurrent_call(request(3)).await.expect("a reply");
        assert_eq!(seen.take(), around("ConcurrentCall", 3, "Some(3)"));
        let watched = numbered
            .watch(Request {
                number: 4,
                wish: 0,
                size: 2,
            })
            .all();
        assert_eq!(watched.await.expect("all").len(), 1);
        let outcome = async {
            while seen.0.lock().expect("no panic").len() < 4 {
                tokio::task::yield_now().await;
            }
        };
        soon("the end of the handler", outcome).await;
        assert_eq!(seen.take(), around("Watch", 4, "None"));
        cluster.past_events();
        for (number, method) in [(5, "Unicast"), (6, "Multicast"), (7, "MulticastStream")] {
            match method {
                "Unicast" => replica.unicast(request(number)).await.expect("sent"),
                "Multicast" => numbered.multicast(request(number)).await.expect("sent"),
                _ => numbered
                    .multicast_stream(request(number))
                    .await
                    .expect("sent"),
            }
            while cluster.event().await != (Event::Ended { replica: 1, number }) {}
            let outcome = async {
                while seen.0.lock().expect("no panic").len() < 4 {
                    tokio::task::yield_now().await;
                }
            };
            soon("the end of the handler", outcome).await;
            assert_eq!(seen.take(), around(method, number, "None"));
        }
    })
    .await;
}

/// A method that the server does not have.
struct Nope;

impl Method for Nope {
    type Request = Request;
    type Reply = Reply;
    const PATH: &'static str = "/numbered.Numbered/Nope";
}

/// A method whose request does not decode at the server.
struct Garbled;

impl Method for Garbled {
    type Request = String;
    type Reply = Reply;
    const PATH: &'static str = "/numbered.Numbered/Call";
}

#[tokio::test]
async fn the_refusals_of_unknown_methods_and_of_requests_that_do_not_decode_are_seen() {
    on_both(async |transport| {
        let (_cluster, numbered, seen) = noted(transport).await;
        let caller = NodeCaller::new(node(&numbered));
        let error = NodeCall::<Nope>::new(&caller, request(1)).await;
        let error = error.expect_err("no such method");
        assert_eq!(error.code(), Code::Unimplemented);
        assert!(error.status().message().contains("Nope"), "{error}");
        let expected = [
            "a in numbered.Numbered/Nope None",
            "b in numbered.Numbered/Nope None",
            "b out Unimplemented",
            "a out Unimplemented",
        ];
        assert_eq!(seen.take(), expected);
        let error = NodeCall::<Garbled>::new(&caller, "one".to_string()).await;
        let error = error.expect_err("another type");
        assert_eq!(error.code(), Code::InvalidArgument);
        let expected = [
            "a in numbered.Numbered/Call None",
            "b in numbered.Numbered/Call None",
            "b out InvalidArgument",
            "a out InvalidArgument",
        ];
        assert_eq!(seen.take(), expected);
    })
    .await;
}

#[tokio::test]
async fn calls_of_a_process_to_itself_and_of_servers_to_their_clients_are_seen() {
    on_both(async |transport| {
        let seen = Seen::default();
        let noted = seen.clone();
        let systems = testing::systems_with(
            2,
            move |_, builder| builder.manager(|manager| manager.transport(transport)),
            move |system| {
                let router = Router::from(Member::server(system));
                let seen = noted.clone();
                router.intercept(Noting { name: "a", seen })
            },
        );
        let systems = systems.await.expect("they start");
        let one = systems.ids().next().expect("a member");
        let itself = register(&systems.system(one)).node(one).expect("a member");
        itself.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(
            seen.take(),
            ["a in register.Register/ReadNoQC None", "a out None"]
        );
    })
    .await;

    let seen = Seen::default();
    let clients = Clients::new();
    let cluster = Cluster::start(0);
    cluster
        .network
        .serve(9, cluster.router(9).clients(clients.clone()));
    let noting = Noting {
        name: "client",
        seen: seen.clone(),
    };
    let served = cluster.router(1).intercept(noting);
    let address = Network::address(9);
    let network = cluster.network.clone();
    let manager = Manager::builder()
        .node(Network::id(9), address)
        .connector(move |address| network.clone().connect(address))
        .serve(served);
    let _manager = manager.connect_lazy().await.expect("an address");
    let connected = clients.connectivity();
    soon("the client", connected.wait_for(1))
        .await
        .expect("open");
    let client = clients.configuration();
    let client = NumberedConfiguration::new(client).with_spec(Count(1));
    let client = client.nodes().next().expect("a node");
    client.call(request(1)).await.expect("a reply");
    let expected = [
        "client in numbered.Numbered/Call Some(1)",
        "client out Some(1)",
    ];
    assert_eq!(seen.take(), expected);
}

/// Answers with the number in the metadata `number`.
struct Echo;

impl PingerReplica for Echo {
    async fn ping(&self, ctx: &Context, request: Ping) -> Result<Pong, Status> {
        self.ping_one(ctx, request).await
    }

    async fn ping_one(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        let number = ctx.metadata().get("number");
        let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
        Ok(Pong {
            count: number.unwrap_or_default(),
        })
    }
}

/// Doubles the number in the metadata, or fails, or replies by itself.
struct Doubling;

impl ServerInterceptor for Doubling {
    async fn intercept(&self, mut call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        let number = call.context().metadata().get("number");
        let number = number.and_then(|number| number.to_str().ok()?.parse::<u64>().ok());
        let number = number.ok_or_else(|| Status::invalid_argument("no number"))?;
        match number {
            0 => return Ok(AnyMessage::new(Pong { count: 1000 })),
            1 => return Ok(AnyMessage::new("another type".to_string())),
            2 => panic!("asked to panic"),
            _ => {}
        }
        call.metadata_mut().insert("number", (2 * number).into());
        let mut reply = next.run(call).await?;
        if let Some(pong) = reply.downcast_mut::<Pong>() {
            pong.count += 1;
        }
        Ok(reply)
    }
}

#[tokio::test]
async fn an_interceptor_changes_metadata_and_replies_answers_refuses_and_may_panic() {
    on_both(async |transport| {
        let network = Network::new(transport);
        let service = PingerReplicaServer::new(Echo);
        network.serve(1, Router::from(service).intercept(Doubling));
        let manager = network.manager(1).connect_lazy().await.expect("an address");
        let node = manager.nodes().next().expect("a node");
        let ping = async |number: Option<u64>| {
            let mut metadata = MetadataMap::new();
            if let Some(number) = number {
                metadata.insert("number", number.into());
            }
            let caller = NodeCaller::new(node.clone());
            let options = gorums_runtime::CallOptions::new().metadata(metadata);
            let caller = caller.with_options(options);
            let reply = NodeCall::<PingOne>::new(&caller, Ping {}).await;
            reply
                .map(|pong| pong.count)
                .map_err(|error| error.status().clone())
        };
        assert_eq!(ping(Some(21)).await.expect("a reply"), 43);
        assert_eq!(ping(Some(0)).await.expect("a reply"), 1000);
        let refused = ping(None).await.expect_err("no number");
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::InvalidArgument, "no number")
        );
        for (number, why) in [(1, "a message of another type"), (2, "asked to panic")] {
            let error = ping(Some(number)).await.expect_err(why);
            assert_eq!(error.code(), Code::Internal);
            assert!(error.message().contains(why), "{error}");
        }
        assert_eq!(ping(Some(4)).await.expect("a reply"), 9);
    })
    .await;
}

struct PingOne;

impl Method for PingOne {
    type Request = Ping;
    type Reply = Pong;
    const PATH: &'static str = "/Pinger/PingOne";
}

/// Refuses even numbers, and halves numbers above 100.
struct Odd;

impl ServerInterceptor for Odd {
    async fn intercept(&self, mut call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        if let Some(request) = call.request_as_mut::<Request>() {
            if request.number % 2 == 0 {
                return Err(Status::permission_denied("odd numbers only"));
            }
            if request.number > 100 {
                request.number /= 2;
            }
        }
        next.run(call).await
    }
}

#[tokio::test]
async fn a_handler_gets_the_changed_request_and_none_that_is_refused() {
    on_both(async |transport| {
        let mut cluster = Cluster::start_on(transport, 0);
        cluster.network.serve(1, cluster.router(1).intercept(Odd));
        let numbered = cluster.numbered(1).await;
        let node = numbered.nodes().next().expect("a node");
        let error = node.call(request(2)).await.expect_err("it is even");
        assert_eq!(error.code(), Code::PermissionDenied);
        // The refusal of a one-way call may come after it was sent.
        let _ = node.unicast(request(4)).await;
        let refused = async {
            while node
                .as_node()
                .last_error()
                .is_none_or(|last| last.status.code() != Code::PermissionDenied)
            {
                tokio::task::yield_now().await;
            }
        };
        soon("the error of the node", refused).await;
        let _ = numbered.multicast_stream(request(6)).await;
        let reply = node.call(request(201)).await.expect("it is odd");
        assert_eq!(reply.number, 100);
        assert_eq!(cluster.began_at(1), [100]);
    })
    .await;
}

/// Waits for the next of a number of permits, in the turn of its call.
struct Gate(tests::replica::Gate);

impl ServerInterceptor for Gate {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        self.0.pass().await;
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_that_waits_keeps_the_order_of_a_stream() {
    let mut cluster = Cluster::start(0);
    let gate = tests::replica::Gate::closed();
    cluster
        .network
        .serve(1, cluster.router(1).intercept(Gate(gate.clone())));
    let numbered = cluster.numbered(1).await;
    let node = numbered.nodes().next().expect("a node");
    let calls: Vec<_> = (1..=3)
        .map(|number| node.call(request(number)).start())
        .collect();
    tests::settle().await;
    assert_eq!(cluster.began_at(1), []);
    gate.open();
    for call in calls {
        call.await.expect("a reply");
    }
    assert_eq!(cluster.began_at(1), [1, 2, 3]);
    let timeout = std::time::Duration::from_secs(1);
    let late = node.call(wish(4, Wish::Cancelled)).timeout(timeout).await;
    assert_eq!(late.expect_err("it waits").code(), Code::DeadlineExceeded);
}
