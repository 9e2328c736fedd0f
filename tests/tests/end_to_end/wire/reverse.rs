//! The bytes of calls that a server makes to its client.

use std::time::Duration;

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::server::{Clients, Router};
use gorums_runtime::{NodeId, System, Transport};
use tests::golden::proto::WriteRequest;
use tests::golden::proto::storage_gorums::{StorageConfiguration, StorageReplicaServer};
use tests::network::Network;
use tests::soon;
use tonic::Code;

use crate::wire::documentation::Example;
use crate::wire::key;
use crate::wire::message::{Message, request};
use crate::wire::raw_client::RawClient;
use crate::wire::raw_server::{Kind, RawNode, RawStream};
use crate::wire::replica::Replica;

/// The header of a client that accepts calls.
const ACCEPTS_CALLS: (&str, &str) = ("gorums-node-id", "0");

/// A server that calls its clients, and a client of it that does only what the test says.
async fn server_and_client(
    network: &Network,
    headers: &[(&'static str, &str)],
) -> (Clients, RawClient) {
    let clients = Clients::new();
    let (replica, _) = Replica::new();
    let services = Router::from(StorageReplicaServer::new(replica)).clients(clients.clone());
    network.serve(1, services);
    let manager = network.manager(1).connect_lazy().await;
    let node = manager.expect("a manager").node(NodeId::new(1));
    let client = RawClient::open_to(&node.expect("a node"), headers).await;
    (clients, client.expect("a stream"))
}

async fn storage(clients: &Clients) -> StorageConfiguration {
    let connectivity = clients.connectivity();
    let connected = soon("the client", connectivity.wait_for(1)).await;
    connected.expect("the server is up");
    StorageConfiguration::new(clients.configuration())
}

/// The replica, once it has what the example reads.
fn with_the_example(replica: Replica) -> StorageReplicaServer {
    replica.write(WriteRequest {
        key: "k".to_string(),
        value: "v".to_string(),
        time: Some(Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        }),
    });
    StorageReplicaServer::new(replica)
}

#[tokio::test(start_paused = true)]
async fn a_server_calls_a_client_as_documented_and_takes_the_documented_reply() {
    let example = Example::read();
    let network = Network::new(Transport::NodeStream);
    let (clients, mut client) = server_and_client(&network, &[ACCEPTS_CALLS]).await;
    let storage = storage(&clients).await;
    let read = tokio::spawn(async move { storage.read_qc(key("k")).first().await });
    assert_eq!(client.reply().await, example.call);
    client.send(example.answer);
    let read = soon("the reply", read).await.expect("no panic");
    assert_eq!(read.expect("a reply").value, "v");
}

#[tokio::test(start_paused = true)]
async fn a_server_cancels_a_call_at_a_client_with_the_extensions_only() {
    for is_extended in [true, false] {
        let network = Network::new(Transport::NodeStream);
        let headers = [ACCEPTS_CALLS, ("gorums-ext", "1")];
        let headers = &headers[..if is_extended { 2 } else { 1 }];
        let (clients, mut client) = server_and_client(&network, headers).await;
        let storage = storage(&clients).await;
        let read = tokio::spawn(async move { storage.read_qc(key("k")).first().await });
        client.reply().await;
        read.abort();
        if is_extended {
            let cancel = Message::of(&client.reply().await);
            assert_eq!(cancel.message_seq_no, 1 << 63 | 1);
            assert_eq!(cancel.entry[0].key, "gorums-cancel");
        } else {
            assert!(client.is_silent_for(Duration::from_secs(1)).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_too_large_fails_its_call_only() {
    let network = Network::new(Transport::NodeStream);
    let (clients, mut client) = server_and_client(&network, &[ACCEPTS_CALLS]).await;
    let storage = storage(&clients).await;
    let read = {
        let storage = storage.clone();
        tokio::spawn(async move { storage.read_qc(key("k")).first().await })
    };
    client.reply().await;
    let large = Message {
        message_seq_no: 1 << 63 | 1,
        payload: vec![0; 5 * 1024 * 1024].into(),
        ..Message::default()
    };
    client.send(large.bytes());
    let error = soon("an end", read).await.expect("no panic");
    let error = error.expect_err("the reply is too large");
    assert_eq!(error.errors()[0].code(), Code::OutOfRange);
    let read = tokio::spawn(async move { storage.read_qc(key("k")).first().await });
    let next = Message::of(&client.reply().await);
    client.send(next.with(&crate::wire::value("v")).bytes());
    let read = soon("the reply", read).await.expect("no panic");
    assert_eq!(read.expect("a reply").value, "v");
}

/// Lets the node call the client, as documented.
async fn is_answered(mut stream: RawStream, example: &Example) {
    stream.reply_bytes(example.call.clone());
    assert_eq!(stream.request().await, example.answer);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_serves_says_so_and_answers_as_documented() {
    let example = Example::read();
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Go);
    let (replica, _events) = Replica::new();
    let manager = network.manager(1).serve(with_the_example(replica));
    let _manager = manager.connect_lazy().await.expect("a manager");
    let stream = node.stream().await;
    let id = stream.headers.get(ACCEPTS_CALLS.0).expect("the header");
    assert_eq!(id, ACCEPTS_CALLS.1);
    is_answered(stream, &example).await;
}

#[tokio::test]
async fn a_member_answers_on_the_streams_that_it_has_opened_with_its_id() {
    let example = Example::read();
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 2, Kind::Go);
    let (replica, _events) = Replica::new();
    let members = [(1, Network::address(1)), (2, Network::address(2))];
    let builder = System::builder(1, members).listen("127.0.0.1:0");
    let system = builder.manager(|_| network.manager(0)).bind().await;
    let system = system.expect("a free port");
    let serving = system.serve(with_the_example(replica));
    let _running = serving.expect("it serves");
    let stream = node.stream().await;
    let id = stream.headers.get(ACCEPTS_CALLS.0).expect("the header");
    assert_eq!(id, "1");
    is_answered(stream, &example).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_serves_nothing_ignores_the_calls_of_nodes() {
    let example = Example::read();
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Go);
    let manager = network.manager(1).keep_connected().connect_lazy().await;
    let manager = manager.expect("a manager");
    let mut stream = node.stream().await;
    assert!(stream.headers.get(ACCEPTS_CALLS.0).is_none());
    stream.reply_bytes(example.call.clone());
    tests::settle().await;
    assert_eq!(manager.ignored_replies(), 1);
    assert!(stream.request_now().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_unknown_method_and_one_that_is_too_large_are_refused() {
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Go);
    let (replica, _events) = Replica::new();
    let manager = network.manager(1).serve(StorageReplicaServer::new(replica));
    let _manager = manager.connect_lazy().await.expect("a manager");
    let mut stream = node.stream().await;
    let unknown = Message {
        message_seq_no: 1 << 63 | 7,
        method: "proto.Storage.Unknown".to_string(),
        ..Message::default()
    };
    let large = Message {
        message_seq_no: 1 << 63 | 8,
        method: "proto.Storage.ReadQC".to_string(),
        payload: vec![0; 5 * 1024 * 1024].into(),
        ..Message::default()
    };
    for (call, code) in [(unknown, Code::Unimplemented), (large, Code::OutOfRange)] {
        stream.reply(&call);
        let refusal = Message::of(&stream.request().await);
        assert_eq!(refusal.message_seq_no, call.message_seq_no);
        assert_eq!(refusal.method, call.method);
        let status = refusal.status.expect("a status");
        assert_eq!(status.code, code as i32);
    }
}

#[tokio::test]
async fn a_member_that_has_stopped_refuses_the_calls_of_nodes_while_its_handlers_end() {
    let example = Example::read();
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 2, Kind::Go);
    let (replica, mut events) = Replica::new();
    let gate = replica.gate.clone();
    let members = [(1, Network::address(1)), (2, Network::address(2))];
    let builder = System::builder(1, members).listen("127.0.0.1:0");
    let system = builder.manager(|_| network.manager(0)).bind().await;
    let system = system.expect("a free port");
    let serving = system.serve(with_the_example(replica));
    let running = serving.expect("it serves");
    let mut stream = node.stream().await;
    let read = request(1 << 63 | 7, "ReadQC").with(&key("release and hold"));
    stream.reply(&read);
    assert_eq!(events.next().await, "holding");
    let stopping = tokio::spawn(running.stop());
    let refused = async {
        loop {
            stream.reply_bytes(example.call.clone());
            let reply = Message::of(&stream.request().await);
            if let Some(status) = reply.status {
                break status;
            }
        }
    };
    let status = soon("a refusal", refused).await;
    assert_eq!(status.code, Code::Unavailable as i32);
    gate.open();
    let answer = Message::of(&stream.request().await);
    assert_eq!(answer.message_seq_no, 1 << 63 | 7);
    assert!(answer.status.is_none());
    soon("the end", stopping)
        .await
        .expect("no panic")
        .expect("it stops");
}
