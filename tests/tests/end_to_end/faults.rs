//! Nodes that are down, die, come back, or answer badly.

use std::time::Duration;

use gorums_runtime::codegen::{Handlers, Serve};
use gorums_runtime::errors::{ManagerError, QuorumCallErrorKind};
use gorums_runtime::server::{ReplicaServer, ServiceName};
use gorums_runtime::{Backoff, Context, Manager, Method, MethodDescriptor, Server};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::register::register_gorums::methods::Read;
use tests::replica::{Behaviour, Cluster, Gate, arrived, handled};
use tests::spec::{Count, state};
use tests::{on_both, soon};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::{Code, Status};

#[tokio::test(start_paused = true)]
async fn a_node_that_is_down_from_the_start_does_not_stop_a_quorum() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let register = cluster.register(3, Count(2)).await;
        register.write(state("new", 1)).await.expect("a quorum");
        let node = register.node(Network::id(3)).expect("a node");
        let error = node.read_no_qc(ReadRequest {}).await.expect_err("down");
        assert_eq!(error.code(), Code::Unavailable);
        assert_eq!(
            error.to_string(),
            "node 3 (10.0.0.3:4000): Unavailable: connection refused"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn with_too_many_nodes_down_a_call_is_incomplete_at_once() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let register = cluster.register(3, Count(2)).await;
        let call = register.write(state("new", 1));
        let error = call.timeout(Duration::from_secs(1)).await;
        let error = error.expect_err("no quorum");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.replies(), 1);
        let mut down: Vec<_> = error
            .errors()
            .iter()
            .map(|error| (error.node_id().get(), error.code()))
            .collect();
        down.sort_unstable_by_key(|(node, _)| *node);
        assert_eq!(down, [(2, Code::Unavailable), (3, Code::Unavailable)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_in_mid_call_is_unavailable_and_the_request_is_not_sent_again() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let call = tokio::spawn(register.write(state("new", 1)).into_future());
        cluster.wait_for(&[1, 2, 3], arrived).await;
        for number in 1..=3 {
            cluster.network.kill(number);
            cluster.start_replica(number, Behaviour::Answer);
        }
        let error = call.await.expect("no panic").expect_err("all have died");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.errors().len(), 3);
        for error in error.errors() {
            assert_eq!(error.code(), Code::Unavailable, "{error}");
        }
        let again = cluster.past_events().iter().filter_map(arrived).count();
        assert_eq!(again, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_is_connected_to_again() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(3)).await;
        register.write(state("new", 1)).await.expect("all");
        cluster.network.kill(2);
        register
            .write(state("newer", 2))
            .await
            .expect_err("one is down");
        cluster.start_replica(2, Behaviour::Answer);
        cluster.past_events();
        tokio::time::advance(Backoff::default().max()).await;
        register.write(state("newest", 3)).await.expect("all");
        cluster.wait_for(&[1, 2, 3], handled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_does_not_delay_a_quorum_of_the_others() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        cluster.network.silence(1);
        let register = cluster.register(3, Count(2)).await;
        let start = tokio::time::Instant::now();
        for timestamp in 1..=100 {
            let write = register.write(state("value", timestamp));
            write.await.expect("a quorum");
        }
        // The paused clock advances only when everything waits.
        assert_eq!(start.elapsed(), Duration::ZERO);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_beyond_the_limit_is_its_nodes_error() {
    on_both(async |transport| {
        let cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::AnswerLarge(5 * 1024 * 1024),
                Behaviour::Answer,
            ],
        );
        let register = cluster.register(3, Count(2)).await;
        register.read(ReadRequest {}).await.expect("a quorum");
        let all = RegisterConfiguration::new(register.configuration().clone()).with_spec(Count(3));
        let error = all
            .read(ReadRequest {})
            .await
            .expect_err("one is too large");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.replies(), 2);
        let [large] = error.errors() else {
            panic!("one node failed: {error}");
        };
        assert_eq!(
            (large.node_id(), large.code()),
            (Network::id(2), Code::OutOfRange)
        );
    })
    .await;
}

/// `register.Register` of a replica whose `Read` has another type.
struct Misunderstood;

/// Its `Read`.
struct ReadNumber;

impl Method for ReadNumber {
    type Request = ReadRequest;
    type Reply = u64;
    const PATH: &str = Read::PATH;
    const DESCRIPTOR: MethodDescriptor = Read::DESCRIPTOR;
}

impl ServiceName for Misunderstood {
    const NAME: &'static str = "register.Register";
}

impl Serve<()> for Misunderstood {
    fn add_handlers(handlers: &mut Handlers<()>) {
        handlers.unary(ReadNumber, seven);
    }
}

async fn seven(_: &(), _: &Context, _: ReadRequest) -> Result<u64, Status> {
    Ok(7)
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_decode_is_its_nodes_error() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let number = ReplicaServer::<Misunderstood>::new(());
        cluster.network.serve(2, number);
        let register = cluster.register(2, Count(2)).await;
        // The first error does not end the stream of replies.
        for _ in 0..2 {
            let error = register.read(ReadRequest {}).await.expect_err("one reply");
            assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
            assert_eq!(error.replies(), 1);
            let [misunderstood] = error.errors() else {
                panic!("one node failed: {error}");
            };
            let (node, code) = (misunderstood.node_id(), misunderstood.code());
            assert_eq!((node, code), (Network::id(2), Code::Internal));
            let said = misunderstood.to_string();
            assert!(said.contains("does not decode"), "{said}");
        }
        assert_eq!(cluster.network.connections(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn connecting_fails_when_nodes_are_down_or_silent_and_names_them_all() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 4);
        cluster.network.kill(2);
        cluster.network.silence(3);
        let builder = cluster.network.manager(4);
        let manager = builder.connect_timeout(Duration::from_secs(1)).connect();
        let error = manager.await.expect_err("two are down");
        assert_eq!(
            error.to_string(),
            "cannot connect to 2 of 4 nodes: \
         node 2 (10.0.0.2:4000): Unavailable: connection refused; \
         node 3 (10.0.0.3:4000): Unavailable: not connected within 1s"
        );
    })
    .await;
}

#[tokio::test]
async fn a_refused_tcp_connection_is_unavailable() {
    on_both(async |transport| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        drop(listener);
        let builder = Manager::builder().transport(transport).address(&address);
        let error = builder.clone().connect().await.expect_err("refused");
        let ManagerError::Connect { failed, .. } = &error else {
            panic!("another error: {error}");
        };
        assert_eq!(failed[0].code(), Code::Unavailable);
        assert!(error.to_string().contains(&address), "{error}");

        let manager = builder.connect_lazy().await;
        let configuration = manager.expect("not connected yet").configuration();
        let register = RegisterConfiguration::new(configuration).with_spec(Count(1));
        let error = register.read(ReadRequest {}).await.expect_err("refused");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.errors()[0].code(), Code::Unavailable);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_reads_nothing_delays_neither_a_quorum_nor_a_deadline() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        cluster.network.stick(1);
        let register = cluster.register(3, Count(2)).await;
        let start = Instant::now();
        // Far more than its connection holds.
        let large = "x".repeat(1024 * 1024);
        for timestamp in 1..=10 {
            let write = register.write(state(&large, timestamp));
            write.await.expect("a quorum");
        }
        assert_eq!(start.elapsed(), Duration::ZERO);

        let all = RegisterConfiguration::new(register.configuration().clone()).with_spec(Count(3));
        let timeout = Duration::from_millis(50);
        let error = all.write(state(&large, 11)).timeout(timeout).await;
        let error = error.expect_err("one is stuck");
        assert!(start.elapsed() < 2 * timeout);
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!((error.replies(), error.errors().len()), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_started_again_on_its_port_is_called_again() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, []);
        let serve = async |address: &str| {
            let server = Server::new(cluster.services(1, Behaviour::Answer));
            server.bind(address).await.expect("a free port").start()
        };
        let server = serve("127.0.0.1:0").await;
        let address = server.address().to_string();
        let builder = Manager::builder().transport(transport).address(&address);
        let configuration = builder.connect().await.expect("it is up").configuration();
        let register = RegisterConfiguration::new(configuration).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect("it is up");

        server.shutdown().await.expect("it stops");
        let error = register.read(ReadRequest {}).await.expect_err("it is down");
        assert_eq!(error.errors()[0].code(), Code::Unavailable);

        let _running = serve(&address).await;
        // Calls fail until the next attempt to connect is due.
        let again = async { while register.read(ReadRequest {}).await.is_err() {} };
        soon("a reply of the restarted server", again).await;
    })
    .await;
}
