//! Our client and the extensions: towards nodes that announce them, and towards Go's.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::{Backoff, Manager, Transport};
use prost::bytes::Bytes;
use tests::golden::proto::storage_gorums::StorageConfiguration;
use tests::network::Network;
use tests::settle;
use tonic::{Code, Status};

use crate::wire::bytes::hex;
use crate::wire::message::Message;
use crate::wire::raw_server::{Kind, RawNode, RawStream};
use crate::wire::{key, storage, value};

/// A node that has answered a call, and so announced what it supports.
async fn acquainted(kind: Kind) -> (Network, RawNode, RawStream, Manager, StorageConfiguration) {
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, kind);
    let (manager, storage) = storage(&network, 1).await;
    let stream = acquaint(&mut node, &storage).await;
    (network, node, stream, manager, storage)
}

async fn acquaint(node: &mut RawNode, storage: &StorageConfiguration) -> RawStream {
    let call = storage.read_qc(key("k"));
    let reading = tokio::spawn(async { call.first().await });
    let mut stream = node.stream().await;
    let request = stream.request().await;
    stream.reply(&Message::reply_to(&request).with(&value("v")));
    reading.await.expect("no panic").expect("a reply");
    stream
}

/// Makes a call and drops it once it is sent. Returns its request.
async fn withdraw(stream: &mut RawStream, storage: &StorageConfiguration) -> Bytes {
    let call = storage.read_qc(key("k"));
    let reading = tokio::spawn(async { call.first().await });
    let request = stream.request().await;
    reading.abort();
    assert!(reading.await.expect_err("aborted").is_cancelled());
    request
}

#[tokio::test(start_paused = true)]
async fn a_call_is_withdrawn_at_a_node_that_announces_the_extensions() {
    let (_network, _node, mut stream, manager, storage) = acquainted(Kind::Extended).await;
    let request = withdraw(&mut stream, &storage).await;
    let number = Message::of(&request).message_seq_no;
    let cancel = Message {
        message_seq_no: number,
        ..Message::default()
    };
    let sent = stream.request().await;
    assert_eq!(sent, cancel.entry("gorums-cancel", "").bytes());
    // After the number, the entry has the key "gorums-cancel", and no value.
    assert!(sent.ends_with(&hex("220f0a0d676f72756d732d63616e63656c")));
    assert_eq!(manager.calls_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_passes_is_withdrawn() {
    let (_network, _node, mut stream, _manager, storage) = acquainted(Kind::Extended).await;
    let call = storage.read_qc(key("k")).first();
    let reading = tokio::spawn(async { call.timeout(Duration::from_millis(50)).await });
    let request = Message::of(&stream.request().await);
    let cancel = Message {
        message_seq_no: request.message_seq_no,
        ..Message::default()
    };
    let cancel = cancel.entry("gorums-cancel", "");
    assert_eq!(stream.request().await, cancel.bytes());
    let error = reading.await.expect("no panic").expect_err("no reply");
    assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_node_of_go_when_a_call_is_withdrawn() {
    let (_network, _node, mut stream, manager, storage) = acquainted(Kind::Go).await;
    withdraw(&mut stream, &storage).await;
    let call = storage.read_qc(key("k")).first();
    let call = call.timeout(Duration::from_millis(50));
    let reading = tokio::spawn(async { call.await });
    stream.request().await;
    let error = reading.await.expect("no panic").expect_err("no reply");
    assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
    settle().await;
    assert_eq!(stream.request_now(), None);
    assert_eq!(manager.calls_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_node_of_go_that_follows_one_with_the_extensions() {
    let network = Network::new(Transport::NodeStream);
    let mut old = RawNode::serve(&network, 1, Kind::Extended);
    let manager = network.manager(1);
    let manager = manager.backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let manager = manager.connect_lazy().await.expect("a manager");
    let storage = StorageConfiguration::new(manager.configuration());
    let stream = acquaint(&mut old, &storage).await;
    network.kill(1);
    drop((stream, old));
    let mut new = RawNode::serve(&network, 1, Kind::Go);
    settle().await;

    // It is withdrawn before the node has sent anything.
    let call = storage.read_qc(key("k"));
    let reading = tokio::spawn(async { call.first().await });
    let mut stream = new.stream().await;
    stream.request().await;
    reading.abort();
    assert!(reading.await.expect_err("aborted").is_cancelled());
    settle().await;
    assert_eq!(stream.request_now(), None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_replies_ends_by_its_marker() {
    let (_network, _node, mut stream, _manager, storage) = acquainted(Kind::Extended).await;
    let mut responses = storage.read_correctable(key("k")).responses();
    let (first, request) = tokio::join!(
        async {
            let (_, first) = responses.next().await.expect("a reply");
            first.expect("a reply")
        },
        async {
            let request = stream.request().await;
            stream.reply(&Message::reply_to(&request).with(&value("first")));
            request
        }
    );
    assert_eq!(first, value("first"));
    stream.reply(&Message::reply_to(&request).entry("gorums-end", ""));
    assert!(responses.next().await.is_none());
    settle().await;
    assert_eq!(stream.request_now(), None, "there is nothing to withdraw");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_replies_ends_with_the_status_in_its_marker() {
    let (_network, _node, mut stream, manager, storage) = acquainted(Kind::Extended).await;
    let mut responses = storage.read_correctable(key("k")).responses();
    let (error, ()) = tokio::join!(
        async {
            let (_, outcome) = responses.next().await.expect("an error");
            outcome.expect_err("an error")
        },
        async {
            let reply = Message::reply_to(&stream.request().await);
            let failed = reply.failed(Code::Aborted as i32, "no more");
            stream.reply(&failed.entry("gorums-end", ""));
        }
    );
    assert_eq!(error.code(), Code::Aborted);
    assert!(responses.next().await.is_none());
    assert_eq!(manager.ignored_replies(), 0);
}

#[tokio::test(start_paused = true)]
async fn replies_that_a_node_of_go_streams_end_by_the_deadline() {
    let (_network, _node, mut stream, manager, storage) = acquainted(Kind::Go).await;
    let call = storage.read_correctable(key("k")).quorum(|_| None::<()>);
    let call = call.timeout(Duration::from_millis(50));
    let reading = tokio::spawn(async { call.await });
    let request = stream.request().await;
    stream.reply(&Message::reply_to(&request).with(&value("first")));
    stream.reply(&Message::reply_to(&request).with(&value("second")));
    let error = reading.await.expect("no panic").expect_err("no decision");
    assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
    stream.reply(&Message::reply_to(&request).with(&value("late")));
    settle().await;
    assert_eq!(manager.ignored_replies(), 1);
}

#[tokio::test(start_paused = true)]
async fn replies_that_a_node_of_go_streams_end_by_the_quorum_function() {
    let (_network, _node, mut stream, manager, storage) = acquainted(Kind::Go).await;
    let call = storage.read_correctable(key("k"));
    let call = call.quorum(|replies| {
        let (_, newest) = replies.latest()?;
        (newest.value == "second").then(|| newest.value.clone())
    });
    let reading = tokio::spawn(async { call.await });
    let request = stream.request().await;
    stream.reply(&Message::reply_to(&request).with(&value("first")));
    stream.reply(&Message::reply_to(&request).with(&value("second")));
    let decided = reading.await.expect("no panic").expect("a decision");
    assert_eq!(decided, "second");
    assert_eq!(manager.calls_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn replies_that_a_node_of_go_streams_end_with_the_stream() {
    let (_network, _node, mut stream, _manager, storage) = acquainted(Kind::Go).await;
    let mut responses = storage.read_correctable(key("k")).responses();
    let (error, ()) = tokio::join!(
        async {
            let (_, first) = responses.next().await.expect("a reply");
            assert_eq!(first.expect("a reply"), value("first"));
            let (_, outcome) = responses.next().await.expect("an error");
            outcome.expect_err("an error")
        },
        async {
            let reply = Message::reply_to(&stream.request().await);
            stream.reply(&reply.with(&value("first")));
            stream.fail(Status::unknown("EOF"));
        }
    );
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert!(error.to_string().contains("EOF"), "{error}");
    assert!(responses.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_withdrawn_leave_their_room_in_the_queue_to_others() {
    let network = Network::new(Transport::NodeStream);
    network.silence(1);
    let manager = network.manager(1).queue_limit(2, usize::MAX);
    let manager = manager.connect_lazy().await.expect("a manager");
    let storage = StorageConfiguration::new(manager.configuration());
    for _ in 0..10 {
        let call = storage.read_qc(key("k")).first();
        let error = call.timeout(Duration::from_millis(1)).await;
        let error = error.expect_err("no connection");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
    }
}
