//! Our server and clients that use one number for several concurrent calls.

use tests::settle;

use crate::wire::key;
use crate::wire::message::{Message, cancel, request};
use crate::wire::raw_client::{EXTENDED, RawClient};
use crate::wire::replica::{Events, Replica};

/// The next `count` events, in the order of their texts.
async fn next(events: &mut Events, count: usize) -> Vec<String> {
    let mut next = Vec::new();
    for _ in 0..count {
        next.push(events.next().await);
    }
    next.sort();
    next
}

/// A client with three running calls that all have the number 5, and that end when they are cancelled.
async fn three_calls_of_number_5(
    events: &mut Events,
    replicas: &gorums_runtime::testing::Replicas,
) -> RawClient {
    let client = RawClient::open(replicas, &EXTENDED).await;
    let mut client = client.expect("a stream");
    for method in ["ReadQC", "ReadQC", "ReadCorrectable"] {
        client.send(request(5, method).with(&key("wait")).bytes());
    }
    assert_eq!(next(events, 3).await, ["waiting"; 3]);
    let first = Message::of(&client.reply().await);
    assert_eq!(first.message_seq_no, 5);
    client
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_reaches_all_calls_of_its_number() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = three_calls_of_number_5(&mut events, &replicas).await;
    client.send(request(6, "ReadQC").with(&key("hold")).bytes());
    assert_eq!(next(&mut events, 1).await, ["holding"]);
    // This one waits for its turn.
    client.send(request(5, "ReadQC").with(&key("context")).bytes());
    client.send(cancel(5).bytes());
    // And this one comes after the withdrawal.
    client.send(request(5, "ReadQC").bytes());
    assert_eq!(
        next(&mut events, 4).await,
        ["cancelled", "cancelled", "cancelled", "sent: false"]
    );
    replica.gate.open();
    assert_eq!(client.reply().await, request(6, "ReadQC").bytes());
    assert_eq!(client.reply().await, request(5, "ReadQC").bytes());
    settle().await;
    assert!(
        events.past().is_empty(),
        "the withdrawn request was handled"
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_stream_reaches_all_calls_of_one_number() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let client = three_calls_of_number_5(&mut events, &replicas).await;
    drop(client);
    assert_eq!(
        next(&mut events, 4).await,
        ["cancelled", "cancelled", "cancelled", "sent: false"]
    );
}
