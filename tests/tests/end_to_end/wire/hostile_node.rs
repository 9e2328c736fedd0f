//! Our client and a node that misbehaves: it counts as one node, and leaves nothing behind.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::{Backoff, Manager, NodeId, Transport};
use prost::bytes::Bytes;
use tests::golden::proto::WriteRequest;
use tests::golden::proto::storage_gorums::StorageConfiguration;
use tests::network::Network;
use tests::{settle, soon};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::wire::message::Message;
use crate::wire::raw_server::{Kind, RawNode, RawStream};
use crate::wire::{key, storage, value};

/// Nodes that answer as the test says, and their client.
async fn nodes(kind: Kind, count: u8) -> (Vec<RawNode>, Manager, StorageConfiguration) {
    let network = Network::new(Transport::NodeStream);
    let serve = |number| RawNode::serve(&network, number, kind);
    let nodes = (1..=count).map(serve).collect();
    let (manager, storage) = storage(&network, count).await;
    (nodes, manager, storage)
}

/// The streams to the nodes, each with its request.
async fn asked(nodes: &mut [RawNode]) -> Vec<(RawStream, Bytes)> {
    let mut asked = Vec::new();
    for node in nodes {
        let mut stream = node.stream().await;
        let request = stream.request().await;
        asked.push((stream, request));
    }
    asked
}

/// A reply that does not decode.
fn garbage(request: &Bytes) -> Message {
    Message {
        payload: Bytes::from_static(&[0xff]),
        ..Message::reply_to(request)
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_sends_garbage_again_and_again_is_one_failed_node() {
    let (mut nodes, _manager, storage) = nodes(Kind::Extended, 4).await;
    let call = storage.read_correctable(key("k"));
    let reading = tokio::spawn(async { call.threshold(3).await });
    let mut asked = asked(&mut nodes).await;
    let (bad, request) = &mut asked[0];
    // Everything after the first reply is ignored: garbage, a reply and the end.
    for _ in 0..4 {
        bad.reply(&garbage(request));
    }
    bad.reply(&Message::reply_to(request).with(&value("bad")));
    bad.reply(&Message::reply_to(request).entry("gorums-end", ""));
    settle().await;
    for (stream, request) in &mut asked[1..] {
        stream.reply(&Message::reply_to(request).with(&value("good")));
    }
    let replies = soon("a majority", reading)
        .await
        .expect("no panic")
        .expect("three nodes");
    let from: Vec<_> = replies.node_ids().map(NodeId::get).collect();
    assert_eq!((replies.len(), replies.distinct_nodes()), (3, 3));
    assert!(!from.contains(&1), "{from:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_one_way_message_is_reported_once() {
    let (mut nodes, manager, storage) = nodes(Kind::Go, 1).await;
    let mut errors = manager.node_errors();
    let write = WriteRequest::default();
    storage.write_multicast(write.clone()).await.expect("sent");
    let (mut stream, request) = asked(&mut nodes).await.remove(0);
    let refusal = Message::reply_to(&request).failed(3, "the request does not decode");
    for _ in 0..3 {
        stream.reply(&refusal);
    }
    // A node cannot refuse a message that it was not sent.
    let mut invented = refusal.clone();
    invented.message_seq_no += 1;
    stream.reply(&invented);
    let error = soon("an error of the node", errors.next())
        .await
        .expect("an error");
    assert_eq!(
        (error.node_id().get(), error.code()),
        (1, Code::InvalidArgument)
    );
    settle().await;
    assert!(errors.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn streams_that_a_node_ends_leave_nothing() {
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Extended);
    let no_delay = Backoff::new(Duration::ZERO, Duration::ZERO);
    let builder = network.manager(1).backoff(no_delay);
    let manager = builder.connect_lazy().await.expect("a manager");
    let storage = StorageConfiguration::new(manager.configuration());
    let mut tasks = Vec::new();
    // It ends its side, but does not reset the stream.
    let mut ended = Vec::new();
    for _ in 0..100 {
        let call = storage.read_qc(key("k"));
        let reading = tokio::spawn(async { call.first().await });
        let mut stream = node.stream().await;
        let request = stream.request().await;
        stream.reply(&Message::reply_to(&request).with(&value("v")));
        reading.await.expect("no panic").expect("a reply");
        stream.fail(Status::unavailable("as it likes"));
        ended.push(stream);
        settle().await;
        tasks.push(Handle::current().metrics().num_alive_tasks());
    }
    assert!(tasks[99] <= tasks[9], "{tasks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_names_itself_and_numbers_its_streams() {
    let (mut nodes, _manager, storage) = nodes(Kind::Extended, 2).await;
    let mut numbers = Vec::new();
    let mut names = Vec::new();
    for _ in 0..2 {
        let call = storage.read_qc(key("k"));
        let reading = tokio::spawn(async { call.first().await });
        for (mut stream, request) in asked(&mut nodes).await {
            let header = |name| stream.headers.get(name).expect(name).to_str().expect(name);
            names.push(header("gorums-client").to_string());
            numbers.push(header("gorums-stream").parse::<u64>().expect("a number"));
            assert_eq!(header("gorums-keep-alive"), "5000m");
            stream.reply(&Message::reply_to(&request).with(&value("v")));
            stream.fail(Status::unavailable("another, please"));
        }
        reading.await.expect("no panic").expect("a reply");
        settle().await;
    }
    assert!(names[0].len() == 32 && names[0].bytes().all(|digit| digit.is_ascii_hexdigit()));
    // The names differ by node, so that no node can impersonate the client at another.
    let [to_first, to_second, again_to_first, again_to_second] = &names[..] else {
        panic!("there are four streams");
    };
    assert_eq!((to_first, to_second), (again_to_first, again_to_second));
    assert_ne!(to_first, to_second);
    let [first, second, third, fourth] = numbers[..] else {
        panic!("there are four streams");
    };
    assert!(
        first != second && first < third && second < fourth,
        "{numbers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_agreed_to_keep_its_stream_alive_and_does_not_is_given_up() {
    let network = Network::new(Transport::NodeStream);
    let mut nodes = [RawNode::serve(&network, 1, Kind::KeepsAlive)];
    let (manager, storage) = storage(&network, 1).await;
    let start = Instant::now();
    let node = storage.node(NodeId::new(1)).expect("a node");
    let call = node.read_rpc(key("k"));
    let reading = tokio::spawn(async { call.await });
    let (mut stream, _request) = asked(&mut nodes).await.remove(0);
    // It waits while the node sends something.
    let alive = Message::default().entry("gorums-keep-alive", "");
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stream.reply(&alive);
    }
    settle().await;
    assert!(!reading.is_finished());
    let error = reading.await.expect("no panic").expect_err("silence");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.status().message().contains("15s"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 50 + 15);
    assert_eq!(manager.ignored_replies(), 0);

    // Another stream on the same connection would be silent as well.
    assert_eq!(network.connections(), 1);
    let call = node.read_rpc(key("k"));
    let reading = tokio::spawn(async { call.await });
    let (mut stream, request) = asked(&mut nodes).await.remove(0);
    stream.reply(&Message::reply_to(&request).with(&value("again")));
    let reply = reading.await.expect("no panic");
    assert_eq!(reply.expect("a reply"), value("again"));
    assert_eq!(network.connections(), 2);
    drop(stream);
    settle().await;

    // Like a stopped process, it now accepts connections and sends nothing.
    network.stick(1);
    settle().await;
    let start = Instant::now();
    let error = node.read_rpc(key("k")).await.expect_err("silence");
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_agreed_may_be_silent_for_an_hour() {
    for kind in [Kind::Go, Kind::Extended] {
        let (mut nodes, _manager, storage) = nodes(kind, 1).await;
        let node = storage.node(NodeId::new(1)).expect("a node");
        let call = node.read_rpc(key("k"));
        let reading = tokio::spawn(async { call.await });
        let (mut stream, request) = asked(&mut nodes).await.remove(0);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        stream.reply(&Message::reply_to(&request).with(&value("late")));
        let reply = reading.await.expect("no panic");
        assert_eq!(reply.expect("a reply"), value("late"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_stopped_reads_what_came_meanwhile_before_it_gives_a_node_up() {
    let (mut nodes, _manager, storage) = nodes(Kind::KeepsAlive, 1).await;
    let node = storage.node(NodeId::new(1)).expect("a node");
    let call = node.read_rpc(key("k"));
    let reading = tokio::spawn(async { call.await });
    let (mut stream, request) = asked(&mut nodes).await.remove(0);
    // All timers fire before anything is read.
    tokio::time::advance(Duration::from_secs(3600)).await;
    settle().await;
    stream.reply(&Message::reply_to(&request).with(&value("meanwhile")));
    let reply = reading.await.expect("no panic");
    assert_eq!(reply.expect("a reply"), value("meanwhile"));
}
