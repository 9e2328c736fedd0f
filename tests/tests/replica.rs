//! Replicas as generated traits: what handlers are told, and what becomes of their calls.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use gorums_runtime::testing::{Replicas, replicas};
use gorums_runtime::{CallOptions, Context, Node, NodeId, ReplySink, Router};
use tests::golden::one_way::one_way_gorums::{
    OneWayConfiguration, OneWayReplica, OneWayReplicaServer,
};
use tests::golden::one_way::{self, Entry};
use tests::golden::streaming::transfer_client::TransferClient;
use tests::golden::streaming::transfer_gorums::{
    TransferConfiguration, TransferReplica, TransferReplicaServer,
};
use tests::golden::streaming::{Chunk, Receipt};
use tests::settle;
use tokio::sync::{Notify, mpsc};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

/// Does as the content of a chunk says, and tells of it.
#[derive(Clone)]
struct Replica {
    events: mpsc::UnboundedSender<String>,
    go_on: Arc<Notify>,
}

impl Replica {
    fn tell(&self, event: impl Into<String>) {
        // A test that has ended does not listen any more.
        let _ = self.events.send(event.into());
    }
}

impl TransferReplica for Replica {
    async fn send(&self, ctx: &Context, request: Chunk) -> Result<Receipt, Status> {
        match request.content.as_slice() {
            b"panic" => panic!("as asked"),
            b"fail" => return Err(Status::aborted("as asked")),
            b"metadata" => {
                let note = ctx.metadata().get("note").expect("a note");
                self.tell(note.to_str().expect("ASCII"));
            }
            b"remaining" => self.tell(format!("{:?}", ctx.remaining())),
            b"method" => self.tell(ctx.method().path()),
            b"wait for the caller" => {
                assert!(!ctx.is_cancelled());
                ctx.cancelled().await;
                assert!(ctx.is_cancelled());
                self.tell("the caller gave up");
            }
            b"wait to go on" => {
                self.tell("waiting");
                self.go_on.notified().await;
                self.tell("went on to the end");
            }
            _ => {}
        }
        Ok(Receipt {
            length: request.content.len() as u64,
        })
    }

    async fn upload(&self, _: &Context, mut requests: Streaming<Chunk>) -> Result<Receipt, Status> {
        let mut length = 0;
        while let Some(chunk) = requests.message().await? {
            length += chunk.content.len() as u64;
        }
        Ok(Receipt { length })
    }

    /// As many chunks as asked for, and then an error.
    async fn download(
        &self,
        ctx: &Context,
        request: Receipt,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        for sent in 0..request.length {
            let content = vec![0; 1024];
            if let Err(status) = replies.send(Chunk { content }).await {
                assert!(ctx.is_cancelled());
                self.tell(format!("{:?}", status.code()));
                return Err(status);
            }
            self.tell(format!("sent {sent}"));
        }
        Err(Status::out_of_range("no more"))
    }

    async fn exchange(
        &self,
        _: &Context,
        mut requests: Streaming<Chunk>,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        while let Some(mut chunk) = requests.message().await? {
            chunk.content.reverse();
            replies.send(chunk).await?;
        }
        Ok(())
    }

    async fn confirm(&self, _: &Context, request: Receipt) -> Result<Receipt, Status> {
        Ok(request)
    }
}

/// One replica in memory.
struct Fixture {
    replicas: Replicas,
    node: Node,
    replica: Replica,
    events: mpsc::UnboundedReceiver<String>,
}

impl Fixture {
    async fn start() -> Self {
        let (send_events, events) = mpsc::unbounded_channel();
        let replica = Replica {
            events: send_events,
            go_on: Arc::default(),
        };
        let services = |_| {
            Router::new()
                .add_replica(TransferReplicaServer::new(replica.clone()))
                .add_replica(OneWayReplicaServer::new(replica.clone()))
        };
        let replicas = replicas(1, services).await.expect("a replica");
        let node = replicas.manager().node(NodeId::new(1)).expect("the node");
        Self {
            replicas,
            node,
            replica,
            events,
        }
    }

    fn client(&self) -> TransferClient<Channel> {
        TransferClient::new(self.node.channel())
    }

    async fn event(&mut self) -> String {
        self.events.recv().await.expect("the replica tells")
    }

    async fn send(&self, content: &str) -> Result<Receipt, Status> {
        self.client()
            .send(chunk(content))
            .await
            .map(|reply| reply.into_inner())
    }
}

fn chunk(content: &str) -> Chunk {
    Chunk {
        content: content.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn methods_of_all_shapes_are_served_to_any_grpc_client() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client();
    assert_eq!(fixture.send("four").await.expect("a receipt").length, 4);

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
    let (events, _) = mpsc::unbounded_channel();
    let replica = Replica {
        events,
        go_on: Arc::default(),
    };
    let service = TransferReplicaServer::new(replica);
    let replicas = replicas(3, |_| service.clone()).await.expect("replicas");
    let transfer = TransferConfiguration::new(replicas.configuration(), All(3));
    let receipt = Receipt { length: 7 };
    assert_eq!(
        transfer.confirm(receipt).await.expect("a decision"),
        receipt
    );

    replicas.stop(NodeId::new(2));
    let error = transfer.confirm(receipt).await.expect_err("one is missing");
    let failed: Vec<_> = error
        .errors()
        .iter()
        .map(|error| error.node().get())
        .collect();
    assert_eq!(failed, [2], "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_method_metadata_and_time_left() {
    let mut fixture = Fixture::start().await;
    fixture.send("method").await.expect("a receipt");
    assert_eq!(fixture.event().await, "/streaming.Transfer/Send");

    let mut request = Request::new(chunk("metadata"));
    request
        .metadata_mut()
        .insert("note", "a note".parse().expect("ASCII"));
    fixture.client().send(request).await.expect("a receipt");
    assert_eq!(fixture.event().await, "a note");

    fixture.send("remaining").await.expect("a receipt");
    assert_eq!(fixture.event().await, "None");
    let mut request = Request::new(chunk("remaining"));
    request.set_timeout(Duration::from_millis(50));
    fixture.client().send(request).await.expect("a receipt");
    assert_eq!(fixture.event().await, "Some(50ms)");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_panics_fails_its_own_call_only() {
    let fixture = Fixture::start().await;
    let waiting = tokio::spawn({
        let mut client = fixture.client();
        async move { client.send(chunk("wait to go on")).await }
    });
    settle().await;

    let failed = fixture.send("fail").await.expect_err("as asked");
    assert_eq!(
        (failed.code(), failed.message()),
        (Code::Aborted, "as asked")
    );
    let panicked = fixture.send("panic").await.expect_err("as asked");
    assert_eq!(panicked.code(), Code::Internal);
    let text = "the handler of streaming.Transfer/Send panicked: as asked";
    assert_eq!(panicked.message(), text);

    fixture.replica.go_on.notify_one();
    waiting
        .await
        .expect("no panic")
        .expect("the same connection");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_that_its_caller_withdrew_the_call() {
    let mut fixture = Fixture::start().await;
    let mut client = fixture.client();
    let call = tokio::spawn(async move { client.send(chunk("wait for the caller")).await });
    settle().await;
    call.abort();
    assert_eq!(fixture.event().await, "the caller gave up");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_that_the_deadline_has_passed() {
    let mut fixture = Fixture::start().await;
    let mut request = Request::new(chunk("wait for the caller"));
    request.set_timeout(Duration::from_millis(50));
    fixture
        .client()
        .send(request)
        .await
        .expect_err("it is late");
    assert_eq!(fixture.event().await, "the caller gave up");
}

#[tokio::test(start_paused = true)]
async fn a_handler_runs_to_its_end_when_its_caller_gives_up() {
    let mut fixture = Fixture::start().await;
    let mut client = fixture.client();
    let call = tokio::spawn(async move { client.send(chunk("wait to go on")).await });
    assert_eq!(fixture.event().await, "waiting");
    call.abort();
    settle().await;
    fixture.replica.go_on.notify_one();
    assert_eq!(fixture.event().await, "went on to the end");
}

#[tokio::test(start_paused = true)]
async fn replies_that_the_caller_does_not_take_are_bounded() {
    const MANY: u64 = 100_000;
    let mut fixture = Fixture::start().await;
    let download = fixture.client().download(Receipt { length: MANY }).await;
    let mut chunks = download.expect("a stream").into_inner();
    settle().await;
    let sent = std::iter::from_fn(|| fixture.events.try_recv().ok()).count() as u64;
    assert!(
        sent < MANY / 10,
        "{sent} replies of 1 KiB were sent to nobody"
    );

    for _ in 0..=sent {
        chunks.message().await.expect("a chunk");
    }
    settle().await;
    assert!(fixture.events.try_recv().is_ok(), "taking makes room");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_streams_is_told_that_its_caller_takes_no_more() {
    let mut fixture = Fixture::start().await;
    let download = fixture.client().download(Receipt { length: 100_000 }).await;
    drop(download);
    while fixture.event().await != "Cancelled" {}
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_decode_is_invalid() {
    let fixture = Fixture::start().await;
    let mut grpc = tonic::client::Grpc::new(fixture.node.channel());
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
    let fixture = Fixture::start().await;
    let mut grpc = tonic::client::Grpc::new(fixture.node.channel());
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
    let (events, mut told) = mpsc::unbounded_channel();
    let replica = Replica {
        events,
        go_on: Arc::default(),
    };
    let service = TransferReplicaServer::new(replica).max_request_size(16);
    let replicas = replicas(1, |_| service.clone()).await.expect("a replica");
    let node = replicas.manager().node(NodeId::new(1)).expect("the node");
    let mut client = TransferClient::new(node.channel());
    let status = client.send(chunk("wait to go on, wait to go on")).await;
    assert_eq!(status.expect_err("too large").code(), Code::OutOfRange);
    client.send(chunk("method")).await.expect("small enough");
    assert_eq!(
        told.recv().await.as_deref(),
        Some("/streaming.Transfer/Send")
    );
}

impl OneWayReplica for Replica {
    async fn append(&self, ctx: &Context, request: Entry) {
        match request.text.as_str() {
            "panic" => panic!("as asked"),
            "wait" => {
                self.tell("waiting");
                self.go_on.notified().await;
            }
            _ => {}
        }
        self.tell(format!("{} {}", request.text, ctx.is_cancelled()));
    }

    async fn append_per_node(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }

    async fn append_in_order(&self, _: &Context, request: Entry) {
        assert_ne!(request.text, "panic", "as asked");
        self.tell(request.text);
    }

    async fn append_in_order_per_node(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }

    async fn append_to(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }

    async fn notify(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }
}

fn entry(text: &str) -> Entry {
    Entry {
        text: text.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_one_way_method_answers_with_nothing() {
    let fixture = Fixture::start().await;
    let mut client = one_way::one_way_client::OneWayClient::new(fixture.node.channel());
    let reply = client.notify(entry("hello")).await.expect("an empty reply");
    assert_eq!(reply.into_inner(), Entry::default());
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_is_handled_to_its_end_when_its_caller_is_gone() {
    let mut fixture = Fixture::start().await;
    let options = CallOptions::new().timeout(Duration::from_millis(10));
    let configuration = fixture.replicas.configuration();
    let one_way = OneWayConfiguration::new(configuration).with_options(options);
    one_way.append(entry("wait")).await.expect("sent");
    assert_eq!(fixture.event().await, "waiting");
    tokio::time::sleep(Duration::from_millis(20)).await;
    fixture.replica.go_on.notify_one();
    assert_eq!(fixture.event().await, "wait true");
}
