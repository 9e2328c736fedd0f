//! Our server and the extensions: for clients that announce them, and for others.

use gorums_runtime::server::Router;
use gorums_runtime::testing::replicas;
use tests::golden::proto::storage_gorums::StorageReplicaServer;
use tests::settle;
use tonic::Code;

use crate::wire::bytes::hex;
use crate::wire::message::{Message, cancel, request};
use crate::wire::raw_client::{EXTENDED, RawClient};
use crate::wire::replica::Replica;
use crate::wire::{key, value};

#[tokio::test(start_paused = true)]
async fn the_extensions_are_announced_at_once_to_those_who_announce_them_and_to_nobody_else() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let go = RawClient::open(&replicas, &[]).await.expect("a stream");
    assert_eq!(go.headers.get("gorums-ext"), None);
    let extended = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    let announced = extended.headers.get("gorums-ext");
    assert_eq!(announced.expect("an announcement"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_replies_ends_with_a_marker() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    let read = request(13, "ReadCorrectable");
    client.send(read.clone().with(&key("k")).bytes());
    let first = read.clone().with(&value("first"));
    assert_eq!(client.reply().await, first.bytes());
    assert_eq!(client.reply().await, read.bytes());
    // The entry has the key "gorums-end", and no value.
    let end = "080d121d70726f746f2e53746f726167652e52656164436f727265637461626c65220c0a0a676f72756d732d656e64";
    assert_eq!(client.reply().await, hex(end));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_replies_that_fails_ends_with_a_marker_and_the_status() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    let read = request(14, "ReadCorrectable");
    client.send(read.clone().with(&key("fail")).bytes());
    let first = read.clone().with(&value("first"));
    assert_eq!(client.reply().await, first.bytes());
    let failed = read.failed(Code::Aborted as i32, "as asked");
    let end = failed.entry("gorums-end", "");
    assert_eq!(client.reply().await, end.bytes());
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_replies_that_does_not_begin_ends_with_a_marker_and_the_status() {
    let (replica, _events) = Replica::new();
    let replicas = replicas(1, |_| {
        Router::from(StorageReplicaServer::new(replica.clone())).max_message_size(8)
    });
    let replicas = replicas.await.expect("a replica");
    let mut client = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    let read = request(15, "ReadCorrectable");
    client.send(read.clone().with(&key("too long")).bytes());
    let text = "the request has 10 bytes, more than the server's max_message_size of 8; raise that option at the server";
    let end = read.failed(Code::OutOfRange as i32, text);
    assert_eq!(client.reply().await, end.entry("gorums-end", "").bytes());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_withdrawn_is_cancelled_and_not_answered() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    for (number, method) in [(1, "ReadQC"), (2, "ReadCorrectable")] {
        let read = request(number, method);
        client.send(read.clone().with(&key("wait")).bytes());
        if method == "ReadCorrectable" {
            let first = read.with(&value("first"));
            assert_eq!(client.reply().await, first.bytes());
        }
        assert_eq!(events.next().await, "waiting");
        settle().await;
        assert!(events.past().is_empty(), "not cancelled yet");
        client.send(cancel(number).bytes());
        assert_eq!(events.next().await, "cancelled");
    }
    assert_eq!(events.next().await, "sent: false");
    client.send(request(3, "ReadQC").bytes());
    assert_eq!(client.reply().await, request(3, "ReadQC").bytes());
    client.half_close();
    client.end().await.expect("no more replies");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_withdrawn_before_its_turn_is_not_handled() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    client.send(request(1, "ReadQC").with(&key("hold")).bytes());
    client.send(request(2, "ReadQC").with(&key("context")).bytes());
    client.send(request(3, "ReadQC").bytes());
    client.send(cancel(2).bytes());
    settle().await;
    replica.gate.open();
    assert_eq!(client.reply().await, request(1, "ReadQC").bytes());
    assert_eq!(client.reply().await, request(3, "ReadQC").bytes());
    assert_eq!(events.next().await, "holding");
    assert!(events.past().is_empty(), "it was handled");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_of_a_number_that_is_unknown_is_ignored() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &EXTENDED)
        .await
        .expect("a stream");
    client.send(cancel(99).bytes());
    client.send(request(1, "ReadQC").bytes());
    assert_eq!(client.reply().await, request(1, "ReadQC").bytes());
    client.send(cancel(1).bytes());
    client.half_close();
    client.end().await.expect("no more replies");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_by_a_client_that_announced_nothing_is_a_request_without_a_method() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    client.send(request(1, "ReadQC").with(&key("wait")).bytes());
    assert_eq!(events.next().await, "waiting");
    client.send(cancel(1).bytes());
    let reply = Message::of(&client.reply().await);
    assert_eq!((reply.message_seq_no, reply.method.as_str()), (1, ""));
    let code = reply.status.expect("an error").code;
    assert_eq!(code, Code::Unimplemented as i32);
    assert!(events.past().is_empty(), "it was cancelled");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_and_the_metadata_of_a_request_reach_its_handler() {
    for headers in [&[][..], &EXTENDED] {
        let (replica, mut events) = Replica::new();
        let replicas = replica.start().await;
        let mut client = RawClient::open(&replicas, headers).await.expect("a stream");
        let read = request(6, "ReadQC").with(&key("context"));
        let read = read.entry("trace", "abc").entry("grpc-timeout", "50m");
        client.send(read.bytes());
        assert_eq!(events.next().await, "Some(\"abc\") Some(50ms)");
        assert_eq!(client.reply().await, request(6, "ReadQC").bytes());

        let read = request(7, "ReadQC").with(&key("wait"));
        client.send(read.entry("grpc-timeout", "50m").bytes());
        assert_eq!(events.next().await, "waiting");
        assert_eq!(events.next().await, "cancelled");
    }
}
