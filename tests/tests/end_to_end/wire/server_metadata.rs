//! Our server and the metadata of requests.

use gorums_runtime::server::StreamLimits;
use tonic::Code;

use crate::wire::key;
use crate::wire::message::{Message, request};
use crate::wire::raw_client::{EXTENDED, RawClient};
use crate::wire::replica::Replica;

/// A request with `entries` entries, whose handler reports its metadata.
fn with_entries(number: u64, method: &str, entries: usize) -> Message {
    let message = request(number, method).with(&key("context"));
    (0..entries).fold(message, |message, index| {
        message.entry(&format!("key-{index}"), "v")
    })
}

#[tokio::test(start_paused = true)]
async fn a_request_with_too_many_entries_is_refused_and_its_stream_goes_on() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    for (method, entries) in [
        ("ReadQC", StreamLimits::METADATA_ENTRIES + 1),
        // A header map has no room for these.
        ("ReadQC", 25_000),
        ("WriteMulticast", 25_000),
        ("Nope", 25_000),
    ] {
        client.send(with_entries(1, method, entries).bytes());
        let reply = Message::of(&client.reply().await);
        let status = reply.status.clone().expect("it is refused");
        assert_eq!(status.code, Code::ResourceExhausted as i32, "{method}");
        let failed = request(1, method).failed(status.code, &status.message);
        assert_eq!(reply, failed);
    }
    client.send(with_entries(2, "ReadQC", StreamLimits::METADATA_ENTRIES).bytes());
    assert_eq!(client.reply().await, request(2, "ReadQC").bytes());
    assert_eq!(events.next().await, "None None");
    assert!(events.past().is_empty(), "a request was handled");
}

#[tokio::test(start_paused = true)]
async fn a_request_with_entries_of_too_many_bytes_is_refused_and_its_stream_goes_on() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let client = RawClient::open(&replicas, &EXTENDED).await;
    let mut client = client.expect("a stream");
    // The key and the value take one byte each for the field, and one and three for the lengths.
    let most = StreamLimits::METADATA_BYTES - "trace".len() - 2 - 4;
    for (number, bytes) in [(1, most + 1), (2, most)] {
        let read = request(number, "ReadQC").with(&key("k"));
        client.send(read.entry("trace", &"x".repeat(bytes)).bytes());
    }
    let reply = Message::of(&client.reply().await);
    let status = reply.status.expect("it is refused");
    assert_eq!(status.code, Code::ResourceExhausted as i32);
    assert_eq!(client.reply().await, request(2, "ReadQC").bytes());
    assert!(events.past().is_empty(), "nothing is told of");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_with_too_many_entries_is_a_withdrawal() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let client = RawClient::open(&replicas, &EXTENDED).await;
    let mut client = client.expect("a stream");
    client.send(request(1, "ReadQC").with(&key("wait")).bytes());
    assert_eq!(events.next().await, "waiting");
    let cancel = crate::wire::message::cancel(1);
    let cancel = (0..1000).fold(cancel, |cancel, _| cancel.entry("padding", ""));
    client.send(cancel.bytes());
    assert_eq!(events.next().await, "cancelled");
    client.half_close();
    client.end().await.expect("no reply");
}
