//! Our server gives the same answers as Go's, except where a test says otherwise.

use prost::bytes::Bytes;
use tests::settle;
use tonic::{Code, Status};

use crate::wire::bytes::hex;
use crate::wire::message::Message;
use crate::wire::raw_client::RawClient;
use crate::wire::replica::Replica;
use crate::wire::{key, value};

/// The answer to a recorded request.
enum Answer {
    /// With exactly this.
    Reply(&'static str),
    /// With the request's number and method, this code, and any text.
    Failure(Code),
    /// Not at all.
    Nothing,
}
use Answer::{Failure, Nothing, Reply};

/// The requests to Go's server on one stream, and its answers.
const RECORDED: [(&str, &str, Answer); 16] = [
    (
        "a read of a key that is absent: no payload",
        "0801121470726f746f2e53746f726167652e5265616451432a030a016b",
        Reply("0801121470726f746f2e53746f726167652e526561645143"),
    ),
    (
        "a write with a time",
        "0802121570726f746f2e53746f726167652e577269746551432a100a016b1201761a080880e2cfaa061005",
        Reply("0802121570726f746f2e53746f726167652e577269746551432a020801"),
    ),
    (
        "a read of what was written",
        "0803121470726f746f2e53746f726167652e5265616451432a030a016b",
        Reply("0803121470726f746f2e53746f726167652e5265616451432a0f08011201761a080880e2cfaa061005"),
    ),
    (
        "the same by a call to one node",
        "0804121570726f746f2e53746f726167652e526561645250432a030a016b",
        Reply(
            "0804121570726f746f2e53746f726167652e526561645250432a0f08011201761a080880e2cfaa061005",
        ),
    ),
    (
        "a request that encodes to nothing: no payload",
        "0805121470726f746f2e53746f726167652e526561645143",
        Reply("0805121470726f746f2e53746f726167652e526561645143"),
    ),
    (
        "entries: trace is abc, and grpc-timeout is 50m",
        "0806121470726f746f2e53746f726167652e526561645143220c0a057472616365120361626322130a0c677270632d74696d656f7574120335306d2a030a016b",
        Reply("0806121470726f746f2e53746f726167652e5265616451432a0f08011201761a080880e2cfaa061005"),
    ),
    (
        "a unicast",
        "0807121a70726f746f2e53746f726167652e5772697465556e69636173742a060a016b120177",
        Nothing,
    ),
    (
        "a multicast",
        "0808121c70726f746f2e53746f726167652e57726974654d756c7469636173742a060a016b120177",
        Nothing,
    ),
    (
        "a method that is unknown",
        "0809121270726f746f2e53746f726167652e4e6f70652a030a016b",
        Failure(Code::Unimplemented),
    ),
    (
        "a method's name in the form with slashes",
        "080a12152f70726f746f2e53746f726167652f5265616451432a030a016b",
        Failure(Code::Unimplemented),
    ),
    (
        "a payload that does not decode, where Go says Unknown",
        "080b121470726f746f2e53746f726167652e5265616451432a030aff01",
        Failure(Code::InvalidArgument),
    ),
    (
        "the same of a multicast, which is answered all the same",
        "080c121c70726f746f2e53746f726167652e57726974654d756c7469636173742a030aff01",
        Failure(Code::InvalidArgument),
    ),
    (
        "number 0",
        "121470726f746f2e53746f726167652e5265616451432a030a016b",
        Reply("121470726f746f2e53746f726167652e5265616451432a0f08011201761a080880e2cfaa061005"),
    ),
    (
        "a number with bit 62",
        "08808080808080808040121470726f746f2e53746f726167652e5265616451432a030a016b",
        Reply(
            "08808080808080808040121470726f746f2e53746f726167652e5265616451432a0f08011201761a080880e2cfaa061005",
        ),
    ),
    (
        "a number with bit 63 of a plain client",
        "0885808080808080808001121470726f746f2e53746f726167652e5265616451432a030a016b",
        Reply(
            "0885808080808080808001121470726f746f2e53746f726167652e5265616451432a0f08011201761a080880e2cfaa061005",
        ),
    ),
    (
        "an empty message: no method",
        "",
        Failure(Code::Unimplemented),
    ),
];

/// Checks the answer to `request`.
fn check(case: &str, request: &Bytes, reply: &Bytes, answer: &Answer) {
    match answer {
        Reply(expected) => assert_eq!(*reply, hex(expected), "{case}"),
        Failure(code) => {
            let status = Message::of(reply).status.expect(case);
            assert!(!status.message.is_empty(), "{case}");
            let failed = Message::reply_to(request).failed(*code as i32, &status.message);
            assert_eq!(*reply, failed.bytes(), "{case}");
        }
        Nothing => panic!("{case}: answered"),
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_as_go_answers_them() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    for (case, request, answer) in &RECORDED {
        let request = hex(request);
        client.send(request.clone());
        // An unexpected answer would be mistaken for that of the next request.
        if !matches!(answer, Nothing) {
            check(case, &request, &client.reply().await, answer);
        }
    }
    client.half_close();
    client.end().await.expect("no more replies");
    assert_eq!(events.next().await, "unicast w");
    assert_eq!(events.next().await, "multicast w");
}

#[tokio::test(start_paused = true)]
async fn all_requests_at_once_are_answered_in_their_order() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    for (_, request, _) in &RECORDED {
        client.send_hex(request);
    }
    client.half_close();
    for (case, request, answer) in &RECORDED {
        if !matches!(answer, Nothing) {
            check(case, &hex(request), &client.reply().await, answer);
        }
    }
    client.end().await.expect("no more replies");
}

#[tokio::test(start_paused = true)]
async fn streamed_replies_have_one_number_and_no_end_for_a_client_of_go() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    let read = "080d121d70726f746f2e53746f726167652e52656164436f727265637461626c652a030a016b";
    client.send_hex(read);
    let reply = Message::reply_to(&hex(read));
    assert_eq!(
        client.reply().await,
        reply.clone().with(&value("first")).bytes()
    );
    assert_eq!(client.reply().await, reply.bytes());
    assert_eq!(events.next().await, "sent: true");

    client.send_hex(RECORDED[0].1);
    check(
        RECORDED[0].0,
        &Bytes::new(),
        &client.reply().await,
        &RECORDED[0].2,
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_replies_that_fails_ends_with_the_status_alone() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    let request = Message {
        message_seq_no: 7,
        method: "proto.Storage.ReadCorrectable".to_string(),
        ..Message::default()
    };
    client.send(request.clone().with(&key("fail")).bytes());
    assert_eq!(
        client.reply().await,
        request.clone().with(&value("first")).bytes()
    );
    assert_eq!(
        client.reply().await,
        request.failed(Code::Aborted as i32, "as asked").bytes()
    );
}

#[tokio::test(start_paused = true)]
async fn a_handlers_error_is_a_status_without_a_payload() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    // Number 1, proto.Storage.ReadQC, key "fail".
    client.send_hex("0801121470726f746f2e53746f726167652e5265616451432a060a046661696c");
    // The code 10, and the text "as asked".
    let failed = "0801121470726f746f2e53746f726167652e5265616451431a0c080a120861732061736b6564";
    assert_eq!(client.reply().await, hex(failed));
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_unknown_and_in_any_order_are_passed_over() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    // The payload, the field 6 (a number), the method, the field 15 (bytes), and the number 1. In the payload, too,
    // there is a field 15.
    client.send_hex(
        "2a080a016b7a03010203306312\
         1470726f746f2e53746f726167652e5265616451437a02abcd0801",
    );
    assert_eq!(
        client.reply().await,
        hex("0801121470726f746f2e53746f726167652e526561645143")
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_that_two_requests_have_at_once_is_answered_twice() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    let request = Message {
        message_seq_no: 5,
        method: "proto.Storage.ReadQC".to_string(),
        ..Message::default()
    };
    client.send(request.clone().with(&key("hold")).bytes());
    client.send(request.clone().with(&key("k")).bytes());
    client.half_close();
    assert_eq!(events.next().await, "holding");
    replica.gate.open();
    assert_eq!(client.reply().await, request.bytes());
    assert_eq!(client.reply().await, request.bytes());
    client.end().await.expect("no more replies");
}

#[tokio::test(start_paused = true)]
async fn an_envelope_that_does_not_decode_ends_the_stream() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    client.send_hex(RECORDED[0].1);
    check(
        RECORDED[0].0,
        &Bytes::new(),
        &client.reply().await,
        &RECORDED[0].2,
    );
    client.send_hex("ffffff");
    let status: Status = client.end().await.expect_err("it is malformed");
    assert_eq!(status.code(), Code::Internal, "{status}");

    let mut next = RawClient::open(&replicas, &[]).await.expect("a stream");
    next.send_hex(RECORDED[0].1);
    check(
        RECORDED[0].0,
        &Bytes::new(),
        &next.reply().await,
        &RECORDED[0].2,
    );
}

#[tokio::test(start_paused = true)]
async fn handlers_finish_after_a_half_close_and_the_stream_ends_well() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    let request = Message {
        message_seq_no: 1,
        method: "proto.Storage.ReadQC".to_string(),
        ..Message::default()
    };
    client.send(request.clone().with(&key("hold")).bytes());
    client.send_hex(RECORDED[2].1);
    client.half_close();
    assert_eq!(events.next().await, "holding");
    replica.gate.open();
    assert_eq!(client.reply().await, request.bytes());
    let next = Message::reply_to(&hex(RECORDED[2].1));
    assert_eq!(client.reply().await, next.bytes());
    client.end().await.expect("the stream ends well");
}

#[tokio::test(start_paused = true)]
async fn a_method_that_is_unknown_holds_up_no_request_behind_it() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    let request = |message_seq_no, method: &str| Message {
        message_seq_no,
        method: method.to_string(),
        ..Message::default()
    };
    let held = request(1, "proto.Storage.ReadQC").with(&key("hold"));
    client.send(held.bytes());
    client.send(request(2, "proto.Storage.Nope").bytes());
    client.send(request(3, "proto.Storage.ReadQC").bytes());
    assert_eq!(events.next().await, "holding");
    settle().await;
    replica.gate.open();
    for number in 1..=3 {
        let reply = Message::of(&client.reply().await);
        assert_eq!(reply.message_seq_no, number);
    }
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_failure_does_not_grow_with_the_name_of_an_unknown_method() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[]).await.expect("a stream");
    let request = Message {
        method: "\n".repeat(1_000_000),
        ..Message::default()
    };
    client.send(request.bytes());
    let reply = Message::of(&client.reply().await);
    assert_eq!(reply.method, request.method);
    let status = reply.status.expect("it is unknown");
    assert_eq!(status.code, Code::Unimplemented as i32);
    assert!(
        status.message.len() < 1000,
        "{} bytes",
        status.message.len()
    );
}
