//! The options of a manager's connections, and of the messages on them.

use std::time::Duration;

use futures::poll;
use gorums_runtime::errors::ManagerError;
use gorums_runtime::{Manager, ManagerBuilder, Transport};
use tests::network::Network;
use tests::recorder::Recorder;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tokio::time::Instant;
use tonic::Code;
use tonic::codec::CompressionEncoding;

async fn register(builder: ManagerBuilder) -> RegisterConfiguration<Count> {
    let manager = builder.connect_lazy().await.expect("a manager");
    let configuration = manager.configuration();
    let all = Count(configuration.size());
    RegisterConfiguration::new(configuration).with_spec(all)
}

/// A recorder as replica 1, and the service on it over plain gRPC.
async fn recorded(
    recorder: Recorder,
    options: impl FnOnce(ManagerBuilder) -> ManagerBuilder,
) -> (Recorder, RegisterConfiguration<Count>) {
    let network = Network::new(Transport::Grpc);
    network.serve(1, recorder.router());
    (recorder, register(options(network.manager(1))).await)
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_arrives_is_given_up_when_its_ping_is_not_answered() {
    on_both(async |transport| {
        let builder = Manager::builder()
            .address("10.0.0.1:4000")
            .transport(transport)
            .connector(|_| async {
                let (client, server) = tokio::io::duplex(64 * 1024);
                tokio::spawn(async move {
                    let _open = server;
                    std::future::pending::<()>().await;
                });
                Ok(client)
            });
        let without = register(builder.clone()).await;
        let mut call = without.read(ReadRequest {}).into_future();
        assert!(poll!(&mut call).is_pending());
        tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
        assert!(poll!(&mut call).is_pending());

        let with =
            register(builder.keep_alive(Duration::from_secs(30), Duration::from_secs(10))).await;
        let start = Instant::now();
        let error = with.read(ReadRequest {}).await.expect_err("no answer");
        assert_eq!(error.errors()[0].code(), Code::Unavailable, "{error}");
        assert_eq!(start.elapsed().as_secs(), 40);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn pings_keep_a_connection_that_is_alive() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let builder = cluster.network.manager(1);
        let register =
            register(builder.keep_alive(Duration::from_secs(30), Duration::from_secs(10))).await;
        register.read(ReadRequest {}).await.expect("a reply");
        tokio::time::sleep(Duration::from_secs(3600)).await;
        register.read(ReadRequest {}).await.expect("a reply");
        assert_eq!(cluster.network.connections(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_limit_fails_on_its_nodes_and_is_not_sent() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 2);
        let register = register(cluster.network.manager(2).max_message_size(100)).await;
        let fits = state(&"x".repeat(96), 1);
        register.write(fits).await.expect("100 bytes are fine");
        cluster.past_events();
        let error = register.write(state(&"x".repeat(97), 1)).await;
        let error = error.expect_err("101 bytes are too many");
        assert_eq!(error.errors().len(), 2);
        for error in error.errors() {
            assert_eq!(error.code(), Code::OutOfRange);
            assert_eq!(
                error.status().message(),
                "the request has 101 bytes, more than the client's max_message_size of 100; raise that option at the client"
            );
        }
        settle().await;
        assert_eq!(cluster.past_events(), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_requests_of_their_own_only_those_beyond_the_limit_fail() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let register = register(cluster.network.manager(2).max_message_size(100)).await;
        let error = register.write_per_node(state("", 1), |_, node| {
            Some(state(&"x".repeat(node.get() as usize * 90), 1))
        });
        let error = error.await.expect_err("one is too large");
        assert_eq!((error.replies(), error.errors().len()), (1, 1));
        assert_eq!(error.errors()[0].node_id(), Network::id(2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_replies_can_be_raised_and_lowered() {
    on_both(async |transport| {
        for size in [10_000, 5 * 1024 * 1024] {
            let cluster = Cluster::start(transport, [Behaviour::AnswerLarge(size)]);
            let builder = cluster.network.manager(1);
            // A field has a key and a length besides its content.
            let high = register(builder.clone().max_message_size(size + 16)).await;
            let reply = high.read(ReadRequest {}).await.expect("it fits");
            assert_eq!(reply.value.len(), size);
            let low = register(builder.max_message_size(size - 1)).await;
            let error = low.read(ReadRequest {}).await.expect_err("too large");
            let [error] = error.errors() else {
                panic!("one node failed: {error}");
            };
            assert_eq!(error.code(), Code::OutOfRange);
            let most = size - 1;
            let advice =
                format!("client's max_message_size of {most}; raise that option at the client");
            assert!(error.status().message().ends_with(&advice), "{error}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn requests_are_compressed_as_asked_if_that_makes_them_smaller() {
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let recorder = Recorder::default().compressing(encoding);
        let (recorder, register) =
            recorded(recorder, |builder| builder.send_compressed(encoding)).await;
        let large = state(&"x".repeat(100_000), 1);
        register.write(large.clone()).await.expect("a reply");
        let received = recorder.last();
        assert_eq!(received.state, large);
        assert!(received.bytes < 1000, "{encoding}: {}", received.bytes);
        assert_eq!(
            received.header("grpc-encoding"),
            Some(encoding_name(encoding))
        );

        let small = state("x", 1);
        register.write(small.clone()).await.expect("a reply");
        let received = recorder.last();
        assert_eq!((received.state, received.bytes), (small, 5 + 5));
    }
}

fn encoding_name(encoding: CompressionEncoding) -> &'static str {
    match encoding {
        CompressionEncoding::Gzip => "gzip",
        _ => "zstd",
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_take_compressed_requests_says_so() {
    let (_, register) = recorded(Recorder::default(), |builder| {
        builder.send_compressed(CompressionEncoding::Gzip)
    })
    .await;
    let error = register.write(state("new", 1)).await.expect_err("refused");
    assert_eq!(error.errors()[0].code(), Code::Unimplemented);
    assert!(error.to_string().contains("gzip"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn nodes_compress_their_replies_only_if_that_is_accepted() {
    let recorder = Recorder::default().compressing(CompressionEncoding::Zstd);
    let large = state(&"x".repeat(100_000), 1);
    let (recorder, plain) = recorded(recorder, |builder| builder).await;
    plain.write(large.clone()).await.expect("a reply");
    assert_eq!(recorder.last().header("grpc-accept-encoding"), None);
    assert_eq!(plain.read(ReadRequest {}).await.expect("a reply"), large);

    let (recorder, accepting) = recorded(recorder, |builder| {
        builder
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip)
    })
    .await;
    accepting.write(large.clone()).await.expect("a reply");
    let accepted = recorder.last();
    let accepted = accepted.header("grpc-accept-encoding");
    assert_eq!(accepted, Some("zstd,gzip,identity"));
    let reply = accepting.read(ReadRequest {}).await;
    assert_eq!(reply.expect("a reply"), large);
}

#[tokio::test(start_paused = true)]
async fn the_user_agent_is_put_in_front_of_our_own() {
    let (recorder, register) = recorded(Recorder::default(), |builder| {
        builder.user_agent("storage/1")
    })
    .await;
    register.write(state("", 1)).await.expect("a reply");
    let seen = recorder.last();
    let seen = seen.header("user-agent").expect("a user agent");
    assert!(seen.starts_with("storage/1 gorums-rs/"), "{seen}");
}

#[tokio::test]
async fn a_user_agent_that_is_no_header_is_refused() {
    let builder = Manager::builder().address("127.0.0.1:4000");
    let error = builder.user_agent("two\nlines").connect_lazy().await;
    let error = error.expect_err("not valid");
    assert!(matches!(error, ManagerError::InvalidOptions { .. }));
    let said = error.to_string();
    assert!(said.contains("(127.0.0.1:4000)"), "{said}");
    assert!(said.contains("user agent"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_of_each_node_can_be_adjusted() {
    let recorders = [Recorder::default(), Recorder::default()];
    let network = Network::new(Transport::Grpc);
    for (number, recorder) in (1..).zip(&recorders) {
        network.serve(number, recorder.router());
    }
    let builder = network.manager(2).endpoint(|node, endpoint| {
        let origin = format!("http://node-{}.example.com", node.id);
        match node.id.get() {
            1 => endpoint.origin(origin.parse().expect("a URI")),
            _ => endpoint,
        }
    });
    register(builder)
        .await
        .write(state("", 1))
        .await
        .expect("replies");
    let authorities = recorders.map(|recorder| recorder.last().uri.authority().cloned());
    let authorities = authorities.map(|authority| authority.expect("one").to_string());
    assert_eq!(authorities, ["node-1.example.com", "10.0.0.2:4000"]);
}
