//! How our client handles replies: good ones in any form, and unexpected ones.

use gorums_runtime::errors::NodeError;
use gorums_runtime::{Manager, NodeId, Transport};
use prost::bytes::Bytes;
use tests::golden::proto::storage_gorums::{StorageConfiguration, StorageNode};
use tests::golden::proto::{ReadResponse, WriteRequest};
use tests::network::Network;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::wire::bytes::hex;
use crate::wire::message::Message;
use crate::wire::raw_server::{Kind, RawNode, RawStream};
use crate::wire::{key, storage, value};

/// A node that answers as the test says, and its client.
struct Pair {
    node: RawNode,
    manager: Manager,
    storage: StorageConfiguration,
    stream: RawStream,
    /// A call that is not answered, and its request.
    waiting: Call,
    request: Bytes,
}

type Call = JoinHandle<Result<ReadResponse, NodeError>>;

fn read(node: &StorageNode) -> Call {
    let call = node.read_rpc(key("k"));
    tokio::spawn(async { call.await })
}

impl Pair {
    /// The two, with a call in flight.
    async fn new() -> Self {
        let network = Network::new(Transport::NodeStream);
        let mut node = RawNode::serve(&network, 1, Kind::Go);
        let (manager, storage) = storage(&network, 1).await;
        let waiting = read(&storage.node(NodeId::new(1)).expect("a node"));
        let mut stream = node.stream().await;
        let request = stream.request().await;
        Self {
            node,
            manager,
            storage,
            stream,
            waiting,
            request,
        }
    }

    /// A further call and its request.
    async fn call(&mut self) -> (Call, Bytes) {
        let call = read(&self.storage.node(NodeId::new(1)).expect("a node"));
        (call, self.stream.request().await)
    }

    /// Answers the open call, which shows that the stream still works. Returns the number of ignored messages.
    async fn finish(mut self) -> u64 {
        let reply = Message::reply_to(&self.request).with(&value("last"));
        self.stream.reply(&reply);
        let reply = self.waiting.await.expect("no panic");
        assert_eq!(reply.expect("a reply"), value("last"));
        assert_eq!(self.manager.calls_in_flight(), 0);
        self.manager.ignored_replies()
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_succeeds_without_a_status_and_with_the_code_0() {
    let mut pair = Pair::new().await;
    let forms = [
        ("absent", ""),
        ("empty", "1a00"),
        ("the code 0, written out", "1a020800"),
        ("the code 0 with a text", "1a0412026f6b"),
        ("unknown fields beside it", "30637a02abcd"),
    ];
    for (form, status) in forms {
        let (call, request) = pair.call().await;
        let mut reply = Message::reply_to(&request)
            .with(&value("v"))
            .bytes()
            .to_vec();
        // Fields may come in any order.
        reply.splice(0..0, hex(status));
        pair.stream.reply_bytes(reply.into());
        let outcome = call.await.expect("no panic");
        assert_eq!(outcome.expect(form), value("v"));
    }
    assert_eq!(pair.finish().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_failed_reply_is_the_nodes_error() {
    let mut pair = Pair::new().await;
    // The message that Go sends for a method that it does not know, and codes that gRPC does not have.
    for (code, text, expected) in [
        (
            12,
            "no handler registered for method proto.Storage.Nope",
            Code::Unimplemented,
        ),
        (2, "", Code::Unknown),
        (99, "from the future", Code::Unknown),
        (-1, "negative", Code::Unknown),
    ] {
        let (call, request) = pair.call().await;
        // The payload of a failure is ignored.
        let reply = Message::reply_to(&request).with(&value("v"));
        pair.stream.reply(&reply.failed(code, text));
        let error = call.await.expect("no panic").expect_err("it failed");
        assert_eq!((error.code(), error.status().message()), (expected, text));
    }
    assert_eq!(pair.finish().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_details_of_a_status_reach_the_caller() {
    let mut pair = Pair::new().await;
    let (call, request) = pair.call().await;
    let mut reply = Message::reply_to(&request).bytes().to_vec();
    // The code 9, the text "no", and an `Any` with the type "t" and the value 0xff.
    let status = hex("080912026e6f1a060a01741201ff");
    reply.extend([0x1a, status.len() as u8]);
    reply.extend(&status);
    pair.stream.reply_bytes(reply.into());
    let error = call.await.expect("no panic").expect_err("it failed");
    assert_eq!(error.code(), Code::FailedPrecondition);
    // gRPC's convention: the details are the whole `google.rpc.Status`.
    assert_eq!(error.status().details(), &status[..]);
    assert_eq!(pair.finish().await, 0);
}

#[tokio::test(start_paused = true)]
async fn messages_that_no_call_waits_for_are_counted_and_ignored() {
    let mut pair = Pair::new().await;
    let waiting = Message::reply_to(&pair.request);
    let number = waiting.message_seq_no;
    let numbered = |message_seq_no| Message {
        message_seq_no,
        ..waiting.clone().with(&value("of another call"))
    };

    let unknown = [
        0,
        number + 1000,
        number | 1 << 62,
        number | 1 << 63,
        u64::MAX,
    ];
    for number in unknown {
        pair.stream.reply(&numbered(number));
    }
    let malformed = ["ffffff", "08", "080112", "1a0508", "2aff01", "0a0161"];
    for envelope in malformed {
        pair.stream.reply_bytes(hex(envelope));
    }
    let mut ignored = (unknown.len() + malformed.len()) as u64;

    // Twice, and late.
    let (call, request) = pair.call().await;
    let reply = Message::reply_to(&request).with(&value("v"));
    pair.stream.reply(&reply);
    pair.stream.reply(&reply);
    let outcome = call.await.expect("no panic");
    assert_eq!(outcome.expect("a reply"), value("v"));
    let (call, request) = pair.call().await;
    call.abort();
    assert!(call.await.expect_err("aborted").is_cancelled());
    pair.stream
        .reply(&Message::reply_to(&request).with(&value("late")));
    ignored += 2;

    // One-way calls are answered only when they are invalid.
    let write = WriteRequest::default();
    pair.storage.write_multicast(write).detach();
    let request = pair.stream.request().await;
    let reply = Message::reply_to(&request);
    pair.stream
        .reply(&reply.failed(Code::Unknown as i32, "undecodable"));
    ignored += 1;

    assert_eq!(pair.finish().await, ignored);
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_another_method_is_the_nodes_error() {
    let mut pair = Pair::new().await;
    for method in ["proto.Storage.ReadQC", "/proto.Storage/ReadRPC", ""] {
        let (call, request) = pair.call().await;
        let reply = Message::reply_to(&request).with(&value("v"));
        pair.stream.reply(&Message {
            method: method.to_string(),
            ..reply
        });
        let error = call.await.expect("no panic").expect_err("another method");
        assert_eq!(error.code(), Code::Internal, "{error}");
        let text = error.to_string();
        assert!(text.contains("proto.Storage/ReadRPC"), "{text}");
    }
    assert_eq!(pair.finish().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_payload_does_not_decode_is_the_nodes_error() {
    let mut pair = Pair::new().await;
    let (call, request) = pair.call().await;
    pair.stream.reply(&Message {
        payload: hex("0aff01"),
        ..Message::reply_to(&request)
    });
    let error = call.await.expect("no panic").expect_err("malformed");
    assert_eq!(error.code(), Code::Internal, "{error}");
    assert!(error.to_string().contains("does not decode"), "{error}");
    assert_eq!(pair.finish().await, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_stream_that_the_node_ended_the_next_call_opens_another_one() {
    let mut pair = Pair::new().await;
    let (answered, request) = pair.call().await;
    pair.stream
        .reply(&Message::reply_to(&request).with(&value("v")));
    answered.await.expect("no panic").expect("a reply");
    let (call, _) = pair.call().await;
    pair.stream.fail(Status::out_of_range("enough"));
    let error = call.await.expect("no panic").expect_err("the stream ended");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert!(error.to_string().contains("enough"), "{error}");
    let next = read(&pair.storage.node(NodeId::new(1)).expect("a node"));
    let mut stream = pair.node.stream().await;
    let request = stream.request().await;
    stream.reply(&Message::reply_to(&request).with(&value("v")));
    next.await.expect("no panic").expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_the_node_ends_without_an_error_fails_its_calls() {
    let mut pair = Pair::new().await;
    let (call, _) = pair.call().await;
    drop(pair.stream);
    let error = call.await.expect("no panic").expect_err("the stream ended");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_with_too_much_metadata_is_the_nodes_error() {
    let mut pair = Pair::new().await;
    let (call, request) = pair.call().await;
    let reply = Message::reply_to(&request).with(&value("v"));
    let reply = (0..25_000).fold(reply, |reply, _| reply.entry("key", "value"));
    pair.stream.reply(&reply);
    let error = call.await.expect("no panic").expect_err("too much");
    assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
    assert_eq!(pair.finish().await, 0);
}
