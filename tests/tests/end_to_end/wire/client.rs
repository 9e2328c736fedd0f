//! Our client sends the same messages as Go's.

use std::time::Duration;

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::server::Router;
use gorums_runtime::{NodeId, Transport};
use prost::bytes::Bytes;
use tests::golden::proto::{WriteRequest, WriteResponse};
use tests::network::Network;
use tests::settle;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::wire::bytes::hex;
use crate::wire::message::Message;
use crate::wire::raw_server::{Kind, RawNode, RawStream};
use crate::wire::{key, storage, value};

fn write(value: &str, seconds: i64, nanos: i32) -> WriteRequest {
    WriteRequest {
        key: "a".to_string(),
        value: value.to_string(),
        time: Some(Timestamp { seconds, nanos }),
    }
}

/// The number of a message, which must be its first field, and the remaining bytes.
fn numbered(message: &Bytes) -> (u64, Bytes) {
    assert_eq!(message.first(), Some(&0x08), "the number comes first");
    let end = 2 + message[1..]
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .expect("a number");
    (Message::of(message).message_seq_no, message.slice(end..))
}

/// Checks the next message on each stream: after its number, it must equal what Go sent. Returns the number, which must
/// be the same on all streams.
async fn expect<const N: usize>(streams: [&mut RawStream; N], recorded: &str) -> u64 {
    let (_, expected) = numbered(&hex(recorded));
    let mut numbers = Vec::new();
    for stream in streams {
        let (number, rest) = numbered(&stream.request().await);
        assert_eq!(rest, expected);
        numbers.push(number);
    }
    assert!(numbers.iter().all(|number| *number == numbers[0]));
    numbers[0]
}

#[tokio::test(start_paused = true)]
async fn calls_are_sent_as_go_sends_them() {
    let network = Network::new(Transport::NodeStream);
    let mut nodes = [1, 2, 3].map(|number| RawNode::serve(&network, number, Kind::Go));
    let (_manager, storage) = storage(&network, 3).await;
    let first = storage.node(NodeId::new(1)).expect("a node");
    let second = storage.node(NodeId::new(2)).expect("a node");
    let mut numbers = Vec::new();

    let writing = tokio::spawn({
        let call = first.write_rpc(write("b", 1_795_383_160, 337_699_556));
        async { call.await }
    });
    let mut a = nodes[0].stream().await;
    let request = a.request().await;
    // The first call of a manager has the number that Go gives it.
    let recorded = "0801121670726f746f2e53746f726167652e57726974655250432a140a01611201621a0c08f8be8dd80610e4c583a101";
    assert_eq!(request, hex(recorded));
    numbers.push(Message::of(&request).message_seq_no);
    let written = WriteResponse { new: true };
    a.reply(&Message::reply_to(&request).with(&written));
    assert_eq!(writing.await.expect("no panic").expect("a reply"), written);

    let reading = tokio::spawn({
        let call = first.read_rpc(key("a"));
        async { call.await }
    });
    let recorded = "0802121570726f746f2e53746f726167652e526561645250432a030a0161";
    numbers.push(expect([&mut a], recorded).await);
    reading.abort();

    second
        .write_unicast(write("c", 1_795_383_161, 748_109_409))
        .detach();
    let mut b = nodes[1].stream().await;
    let recorded = "0803121a70726f746f2e53746f726167652e5772697465556e69636173742a140a01611201631a0c08f9be8dd80610e1fcdce402";
    numbers.push(expect([&mut b], recorded).await);

    storage
        .write_multicast(write("d", 1_795_383_162, 450_987_943))
        .detach();
    let mut c = nodes[2].stream().await;
    let recorded = "0804121c70726f746f2e53746f726167652e57726974654d756c7469636173742a140a01611201641a0c08fabe8dd80610a78f86d701";
    numbers.push(expect([&mut a, &mut b, &mut c], recorded).await);

    let writing = tokio::spawn({
        let call = storage.write_qc(write("e", 1_795_383_163, 153_929_626));
        async { call.majority().await }
    });
    let recorded = "0805121570726f746f2e53746f726167652e577269746551432a130a01611201651a0b08fbbe8dd806109a8fb349";
    numbers.push(expect([&mut a, &mut b, &mut c], recorded).await);

    let reading = tokio::spawn({
        let call = storage.read_qc(key("a"));
        async { call.majority().await }
    });
    let recorded = "0806121470726f746f2e53746f726167652e5265616451432a030a0161";
    numbers.push(expect([&mut a, &mut b, &mut c], recorded).await);

    assert!(
        numbers.iter().all(|number| number >> 63 == 0),
        "{numbers:?}"
    );
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 6, "each call has a number of its own");
    drop((writing, reading));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_encodes_to_nothing_has_no_payload() {
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Go);
    let (_manager, storage) = storage(&network, 1).await;
    let reading = tokio::spawn(async move { storage.read_qc(key("")).first().await });
    let mut stream = node.stream().await;
    let request = stream.request().await;
    assert_eq!(
        request,
        hex("0801121470726f746f2e53746f726167652e526561645143")
    );
    stream.reply_bytes(request);
    let reply = reading.await.expect("no panic").expect("a reply");
    assert_eq!(reply, Default::default());
}

#[tokio::test(start_paused = true)]
async fn metadata_and_deadline_are_entries_for_every_node() {
    for kind in [Kind::Go, Kind::Extended] {
        let network = Network::new(Transport::NodeStream);
        let mut node = RawNode::serve(&network, 1, kind);
        let (_manager, storage) = storage(&network, 1).await;
        let mut metadata = MetadataMap::new();
        metadata.insert("trace", "abc".parse().expect("ASCII"));
        let call = storage.read_qc(key("k")).first();
        let call = call.metadata(metadata).timeout(Duration::from_millis(50));
        let reading = tokio::spawn(async move { call.await });
        let mut stream = node.stream().await;
        let request = stream.request().await;
        let mut entries = Message::of(&request).entry;
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        let expected = Message::default()
            // 50 ms, in the finest unit that eight digits have room for.
            .entry("grpc-timeout", "50000000n")
            .entry("trace", "abc");
        assert_eq!(entries, expected.entry);
        stream.reply(&Message::reply_to(&request).with(&value("v")));
        let reply = reading.await.expect("no panic").expect("a reply");
        assert_eq!(reply, value("v"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_the_header_of_the_extensions_and_no_node_id() {
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Go);
    let (_manager, storage) = storage(&network, 1).await;
    storage.write_multicast(write("v", 0, 0)).detach();
    let stream = node.stream().await;
    assert_eq!(stream.headers.get("gorums-ext").expect("a header"), "1");
    assert_eq!(stream.headers.get("gorums-node-id"), None);
}

#[tokio::test(start_paused = true)]
async fn the_stream_is_half_closed_once_nobody_has_its_node_any_more() {
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Extended);
    let (manager, storage) = storage(&network, 1).await;
    storage.write_multicast(write("v", 0, 0)).detach();
    let mut stream = node.stream().await;
    stream.request().await;
    settle().await;
    assert_eq!(stream.request_now(), None);
    drop((manager, storage));
    assert!(stream.is_half_closed().await);
    // The error that Go returns here.
    stream.fail(Status::unknown("EOF"));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_node_without_node_streams_names_the_plain_transport() {
    let network = Network::new(Transport::NodeStream);
    let (_, health) = tonic_health::server::health_reporter();
    network.serve(1, Router::new().add_service(health));
    let (_manager, storage) = storage(&network, 1).await;
    let node = storage.node(NodeId::new(1)).expect("a node");
    let error = node.read_rpc(key("k")).await.expect_err("no node streams");
    assert_eq!(error.code(), Code::Unimplemented);
    let text = error.to_string();
    for part in ["stream.Gorums/NodeStream", "Transport::Grpc"] {
        assert!(text.contains(part), "{text}");
    }
}
