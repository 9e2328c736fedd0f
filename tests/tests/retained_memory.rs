//! Requests that wait at a server keep no more memory than the server counts.

use futures::StreamExt;
use gorums_runtime::codegen::ProstCodec;
use peak_alloc::PeakAlloc;
use prost::Message;
use tests::numbered::{Request, Wish};
use tests::numbered_replica::{Cluster, request, wish};
use tests::settle;
use tonic::codegen::http::uri::PathAndQuery;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A message of a node stream, with the fields that these tests need.
#[derive(Clone, PartialEq, Message)]
struct StreamMessage {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(string, tag = "2")]
    method: String,
    #[prost(message, repeated, tag = "4")]
    entries: Vec<Entry>,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
}

fn call(request: &Request) -> StreamMessage {
    StreamMessage {
        number: request.number,
        method: "numbered.Numbered.Call".to_string(),
        entries: Vec::new(),
        payload: request.encode_to_vec(),
    }
}

/// A large message that the server does not keep: the withdrawal of an unknown call.
fn filler() -> StreamMessage {
    let key = "gorums-cancel".to_string();
    StreamMessage {
        number: u64::MAX,
        method: String::new(),
        entries: vec![Entry { key }],
        payload: vec![0; 60_000],
    }
}

#[tokio::test(start_paused = true)]
async fn small_requests_that_wait_do_not_keep_the_buffers_that_they_came_in() {
    const CALLS: u64 = 1000;
    let mut cluster = Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let node = numbered.configuration().nodes().next().cloned();
    let mut grpc = tonic::client::Grpc::new(node.expect("a node").channel());
    grpc.ready().await.expect("connected");
    let first = call(&wish(0, Wish::Wait));
    let others = (1..=CALLS).flat_map(|number| [call(&request(number)), filler()]);
    let requests = futures::stream::iter(std::iter::once(first).chain(others));
    let mut requests = tonic::Request::new(requests.chain(futures::stream::pending()));
    let known = "1".parse().expect("ASCII");
    requests.metadata_mut().insert("gorums-ext", known);
    let path = PathAndQuery::from_static("/stream.Gorums/NodeStream");
    let codec = ProstCodec::<StreamMessage, StreamMessage>::default();
    let before = MEMORY.current_usage();
    let replies = grpc.streaming(requests, path, codec).await;
    let mut replies = replies.expect("a stream").into_inner();
    settle().await;
    let kept = MEMORY.current_usage() - before;
    assert!(kept < 8 * 1024 * 1024, "{kept} bytes are kept");
    cluster.gate.open();
    for number in 0..=CALLS {
        let reply = replies.message().await.expect("no error");
        assert_eq!(reply.expect("a reply").number, number);
    }
    assert_eq!(cluster.began_at(1).len() as u64, CALLS + 1);
}
