//! `docs/wire.md` shows what is sent.

use gorums_runtime::Transport;
use prost::bytes::Bytes;
use tests::golden::proto::WriteRequest;
use tests::network::Network;

use crate::wire::bytes::hex;
use crate::wire::key;
use crate::wire::message::Message;
use crate::wire::raw_client::RawClient;
use crate::wire::raw_server::{Kind, RawNode};
use crate::wire::replica::Replica;

/// The messages of the example, in their order.
pub(crate) struct Example {
    request: Bytes,
    reply: Bytes,
    failure: Bytes,
    cancel: Bytes,
    end: Bytes,
    /// A call of a server.
    pub(crate) call: Bytes,
    /// The client's reply to that.
    pub(crate) answer: Bytes,
}

impl Example {
    pub(crate) fn read() -> Self {
        let page = include_str!("../../../../docs/wire.md");
        let (_, example) = page.split_once("\n## An example\n").expect("an example");
        let blocks = example.split("```text\n").skip(1);
        let mut messages = blocks.map(|block| {
            let (block, _) = block.split_once("```").expect("a block that ends");
            let lines = block.lines().filter_map(|line| line.split('#').next());
            hex(&lines.flat_map(str::split_whitespace).collect::<String>())
        });
        let mut next = || messages.next().expect("a message");
        let example = Self {
            request: next(),
            reply: next(),
            failure: next(),
            cancel: next(),
            end: next(),
            call: next(),
            answer: next(),
        };
        assert_eq!(messages.next(), None);
        example
    }

    /// The request without gRPC's prefix.
    fn request(&self) -> Bytes {
        let (prefix, message) = self.request.split_at(5);
        assert_eq!(prefix[0], 0);
        assert_eq!(prefix[1..], (message.len() as u32).to_be_bytes());
        self.request.slice(5..)
    }
}

#[tokio::test(start_paused = true)]
async fn the_documented_replies_are_what_a_server_sends() {
    let example = Example::read();
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = RawClient::open(&replicas, &[("gorums-ext", "1")])
        .await
        .expect("a stream");
    let to = |method: &str, message_seq_no| Message {
        message_seq_no,
        method: format!("proto.Storage.{method}"),
        ..Message::default()
    };
    let written = WriteRequest {
        key: "k".to_string(),
        value: "v".to_string(),
        time: Some(gorums_runtime::prost_types::Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        }),
    };
    client.send(to("WriteMulticast", 0).with(&written).bytes());
    client.send(example.request());
    assert_eq!(client.reply().await, example.reply);
    client.send(to("ReadQC", 1).with(&key("fail")).bytes());
    assert_eq!(client.reply().await, example.failure);
    client.send(to("ReadCorrectable", 13).bytes());
    let (_first, _last) = (client.reply().await, client.reply().await);
    assert_eq!(client.reply().await, example.end);
}

#[tokio::test(start_paused = true)]
async fn the_documented_requests_are_what_a_client_sends() {
    let example = Example::read();
    let network = Network::new(Transport::NodeStream);
    let mut node = RawNode::serve(&network, 1, Kind::Extended);
    let (_manager, storage) = crate::wire::storage(&network, 1).await;
    let reading = tokio::spawn(async move { storage.read_qc(key("k")).first().await });
    let mut stream = node.stream().await;
    assert_eq!(stream.request().await, example.request());
    reading.abort();
    assert_eq!(stream.request().await, example.cancel);
}
