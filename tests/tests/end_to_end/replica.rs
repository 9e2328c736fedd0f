//! Replicas as generated traits: what handlers are told, and what becomes of their calls.

use std::time::Duration;

use futures::{StreamExt, stream};
use gorums_runtime::server::Router;
use gorums_runtime::{CallOptions, Transport};
use tests::golden::one_way::one_way_gorums::OneWayConfiguration;
use tests::golden::one_way::{self, Entry};
use tests::golden::streaming::transfer_client::TransferClient;
use tests::golden::streaming::transfer_gorums::{TransferConfiguration, TransferReplicaServer};
use tests::golden::streaming::{Chunk, Receipt};
use tests::network::Network;
use tests::service::serve;
use tests::transfer::{Fixture, Replica, chunk};
use tests::{on_both, settle};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request};

#[tokio::test(start_paused = true)]
async fn methods_of_all_shapes_are_served_to_any_grpc_client() {
    let fixture = Fixture::start(Transport::default()).await;
    let mut client = fixture.client();
    let receipt = client.send(chunk("four")).await.expect("a receipt");
    assert_eq!(receipt.into_inner().length, 4);

    let chunks = stream::iter(["one", "three"].map(chunk));
    let receipt = client.upload(chunks).await.expect("a receipt");
    assert_eq!(receipt.into_inner().length, 8);

    let download = client.download(Receipt { length: 2 }).await;
    let mut chunks = download.expect("a stream").into_inner();
    assert!(chunks.message().await.expect("a chunk").is_some());
    assert!(chunks.message().await.expect("a chunk").is_some());
    let end = chunks.message().await.expect_err("an end");
    assert_eq!((end.code(), end.message()), (Code::OutOfRange, "no more"));

    let chunks = stream::iter(["ab", "cd"].map(chunk));
    let exchange = client.exchange(chunks).await.expect("a stream");
    let turned: Vec<_> = exchange
        .into_inner()
        .map(|chunk| chunk.expect("a chunk"))
        .collect()
        .await;
    assert_eq!(turned, ["ba", "dc"].map(chunk));
}

#[tokio::test(start_paused = true)]
async fn a_quorum_call_is_decided_by_such_replicas() {
    #[derive(Clone)]
    struct All(usize);
    impl tests::golden::streaming::transfer_gorums::TransferQuorumSpec for All {
        fn confirm_qf(&self, replies: &mut gorums_runtime::Replies<Receipt>) -> Option<Receipt> {
            (replies.len() == self.0).then(|| replies.take_first())?
        }
    }
    let (replica, _) = Replica::new();
    let service = TransferReplicaServer::new(replica);
    on_both(async |transport| {
        let network = Network::new(transport);
        let nodes = serve(network.clone(), |_| service.clone()).await;
        let transfer = TransferConfiguration::new(nodes).with_spec(All(3));
        let receipt = Receipt { length: 7 };
        assert_eq!(
            transfer.confirm(receipt).await.expect("a decision"),
            receipt
        );

        network.kill(2);
        let error = transfer.confirm(receipt).await.expect_err("one is missing");
        let failed: Vec<_> = error
            .errors()
            .iter()
            .map(|error| error.node_id().get())
            .collect();
        assert_eq!(failed, [2], "{error}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_method_metadata_and_time_left() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport).await;
        fixture.send("method").await.expect("a receipt");
        assert_eq!(fixture.event().await, "/streaming.Transfer/Send");

        let mut metadata = MetadataMap::new();
        metadata.insert("note", "a note".parse().expect("ASCII"));
        let call = fixture.node.send(chunk("metadata")).metadata(metadata);
        call.await.expect("a receipt");
        assert_eq!(fixture.event().await, "a note");

        fixture.send("remaining").await.expect("a receipt");
        assert_eq!(fixture.event().await, "None");
        let call = fixture.node.send(chunk("remaining"));
        let call = call.timeout(Duration::from_millis(50));
        call.await.expect("a receipt");
        assert_eq!(fixture.event().await, "Some(50ms)");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_panics_fails_its_own_call_only() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport).await;
        let waiting = tokio::spawn(fixture.node.send(chunk("wait to go on")).into_future());
        assert_eq!(fixture.event().await, "waiting");

        let failed = fixture.send("fail").await.expect_err("as asked");
        assert_eq!(
            (failed.code(), failed.status().message()),
            (Code::Aborted, "as asked")
        );
        let panicked = fixture.send("panic").await.expect_err("as asked");
        assert_eq!(panicked.code(), Code::Internal);
        let text = "the handler of streaming.Transfer/Send panicked: as asked";
        assert_eq!(panicked.status().message(), text);

        fixture.replica.go_on.notify_one();
        let outcome = waiting.await.expect("no panic");
        outcome.expect("the same connection");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_that_its_caller_withdrew_the_call() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport).await;
        let call = tokio::spawn(
            fixture
                .node
                .send(chunk("wait for the caller"))
                .into_future(),
        );
        assert_eq!(fixture.event().await, "waiting");
        call.abort();
        assert_eq!(fixture.event().await, "the caller gave up");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_that_the_deadline_has_passed() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport).await;
        let call = fixture.node.send(chunk("wait for the caller"));
        let call = call.timeout(Duration::from_millis(50));
        call.await.expect_err("it is late");
        assert_eq!(fixture.event().await, "waiting");
        assert_eq!(fixture.event().await, "the caller gave up");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_runs_to_its_end_when_its_caller_gives_up() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport).await;
        let call = tokio::spawn(fixture.node.send(chunk("wait to go on")).into_future());
        assert_eq!(fixture.event().await, "waiting");
        call.abort();
        settle().await;
        fixture.replica.go_on.notify_one();
        assert_eq!(fixture.event().await, "went on to the end");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn replies_that_the_caller_does_not_take_are_bounded() {
    const MANY: u64 = 100_000;
    let mut fixture = Fixture::start(Transport::default()).await;
    let download = fixture.client().download(Receipt { length: MANY }).await;
    let mut chunks = download.expect("a stream").into_inner();
    settle().await;
    let sent = fixture.events.past().len() as u64;
    assert!(
        sent < MANY / 10,
        "{sent} replies of 1 KiB were sent to nobody"
    );

    for _ in 0..=sent {
        chunks.message().await.expect("a chunk");
    }
    settle().await;
    assert!(!fixture.events.past().is_empty(), "taking makes room");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_streams_is_told_that_its_caller_takes_no_more() {
    let mut fixture = Fixture::start(Transport::default()).await;
    let download = fixture.client().download(Receipt { length: 100_000 }).await;
    drop(download);
    while fixture.event().await != "Cancelled" {}
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_decode_is_invalid() {
    let fixture = Fixture::start(Transport::default()).await;
    let mut grpc = tonic::client::Grpc::new(fixture.channel());
    grpc.ready().await.expect("a connection");
    // Where a receipt has a number, a chunk has bytes.
    let path = "/streaming.Transfer/Confirm".parse().expect("a path");
    let codec = gorums_runtime::codegen::ProstCodec::<Chunk, Receipt>::default();
    let request = Request::new(chunk("not a number"));
    let status = grpc.unary(request, path, codec).await.expect_err("invalid");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("does not decode"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_unimplemented() {
    let fixture = Fixture::start(Transport::default()).await;
    let mut grpc = tonic::client::Grpc::new(fixture.channel());
    grpc.ready().await.expect("a connection");
    let path = "/streaming.Transfer/Teleport".parse().expect("a path");
    let codec = gorums_runtime::codegen::ProstCodec::<Chunk, Receipt>::default();
    let request = Request::new(chunk(""));
    let status = grpc.unary(request, path, codec).await.expect_err("unknown");
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(
        status.message().contains("streaming.Transfer/Teleport"),
        "{status}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_limit_fails_without_its_handler() {
    let (replica, mut told) = Replica::new();
    let service = Router::from(TransferReplicaServer::new(replica)).max_message_size(16);
    let network = Network::new(Transport::Grpc);
    network.serve(1, service);
    let manager = network.manager(1).connect().await.expect("it is up");
    let node = manager.node(Network::id(1)).expect("the node");
    let mut client = TransferClient::new(node.channel());
    let status = client.send(chunk("wait to go on, wait to go on")).await;
    assert_eq!(status.expect_err("too large").code(), Code::OutOfRange);
    client.send(chunk("method")).await.expect("small enough");
    assert_eq!(told.next().await, "/streaming.Transfer/Send");
}

fn entry(text: &str) -> Entry {
    Entry {
        text: text.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_one_way_method_answers_with_nothing() {
    let fixture = Fixture::start(Transport::default()).await;
    let mut client = one_way::one_way_client::OneWayClient::new(fixture.channel());
    let reply = client.notify(entry("hello")).await.expect("an empty reply");
    assert_eq!(reply.into_inner(), Entry::default());
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_is_handled_to_its_end_when_its_caller_is_gone() {
    on_both(async |transport| {
        let mut fixture = Fixture::start(transport).await;
        let options = CallOptions::new().timeout(Duration::from_millis(10));
        let configuration = fixture.manager.configuration();
        let one_way = OneWayConfiguration::new(configuration).with_options(options);
        one_way.append(entry("wait")).await.expect("sent");
        assert_eq!(fixture.event().await, "waiting");
        tokio::time::sleep(Duration::from_millis(20)).await;
        fixture.replica.go_on.notify_one();
        assert_eq!(fixture.event().await, "wait true");
    })
    .await;
}
