//! The memory that clients cost a server when they read nothing: a separate process, whose memory is measured.

use std::time::Duration;

use futures::future::join_all;
use gorums_runtime::Server;
use gorums_runtime::codegen::ProstCodec;
use gorums_runtime::server::{RunningServer, StreamLimits};
use peak_alloc::PeakAlloc;
use prost::Message;
use tests::numbered::Request;
use tests::numbered::numbered_client::NumberedClient;
use tests::numbered_replica::{Cluster, Event, ONE_LARGE_REPLY};
use tokio::sync::Mutex;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

/// How many bytes a peer may leave unread.
const UNREAD: usize = 64 * MIB;

/// One test at a time, because they share the memory.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A message of a node stream, with the fields that these tests need.
#[derive(Clone, PartialEq, Message)]
struct StreamMessage {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(string, tag = "2")]
    method: String,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
}

/// A request for a reply of 1 MiB.
fn mebibyte(number: u64) -> Request {
    Request {
        number,
        size: 1024 * 1024,
        ..Request::default()
    }
}

async fn serve(cluster: &Cluster) -> RunningServer {
    let limits = StreamLimits::new()
        .peer_reply_bytes(UNREAD)
        .stall_timeout(Duration::from_secs(2));
    let router = cluster.router(1).stream_limits(limits);
    let server = Server::new(router).bind("127.0.0.1:0").await;
    server.expect("a free port").start()
}

/// A connection of a client whose windows are closed.
async fn closed_window(server: &RunningServer) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
    let endpoint = endpoint.expect("a URI").initial_stream_window_size(0);
    endpoint.connect().await.expect("it is up")
}

/// Waits until the memory in use is at most this.
async fn memory_falls_to(bytes: usize) {
    let fallen = async {
        while MEMORY.current_usage() > bytes {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), fallen).await;
    assert!(
        waited.is_ok(),
        "{} bytes are in use",
        MEMORY.current_usage()
    );
}

/// Waits until this many handlers have ended.
async fn ended(cluster: &mut Cluster, handlers: usize) {
    let mut ended = 0;
    while ended < handlers {
        ended += usize::from(matches!(cluster.event().await, Event::Ended { .. }));
    }
}

#[tokio::test]
async fn unread_streams_whose_requests_have_ended_cost_what_a_peer_may_leave_unread_and_that_for_a_time()
 {
    let _alone = ALONE.lock().await;
    let mut cluster = Cluster::start(0);
    let server = serve(&cluster).await;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let channel = closed_window(&server).await;
    let (mut streams, mut refused) = (Vec::new(), 0);
    for _ in 0..100 {
        let requests = (1..=20).map(|number| StreamMessage {
            number,
            method: "numbered.Numbered.Call".into(),
            payload: mebibyte(number).encode_to_vec(),
        });
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.expect("connected");
        let codec = ProstCodec::<StreamMessage, StreamMessage>::default();
        let requests = tonic::Request::new(futures::stream::iter(requests));
        let path = PathAndQuery::from_static("/stream.Gorums/NodeStream");
        match grpc.streaming(requests, path, codec).await {
            Ok(replies) => streams.push(replies),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(
        refused,
        100 - 64,
        "they count for as long as they are there"
    );
    ended(&mut cluster, 64).await;
    // Twice as much: the shares of streams with nothing else to read add up to the same amount.
    assert!(
        MEMORY.peak_usage() < before + 3 * UNREAD,
        "{} bytes",
        MEMORY.peak_usage()
    );
    memory_falls_to(before + UNREAD / 2).await;
    drop(streams);
}

#[tokio::test]
async fn unread_plain_grpc_calls_cost_what_a_peer_may_leave_unread_and_that_for_a_time() {
    const CALLS: usize = 1000;
    let _alone = ALONE.lock().await;
    let mut cluster = Cluster::start(0);
    let server = serve(&cluster).await;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let client = NumberedClient::new(closed_window(&server).await);
    let calls: Vec<_> = (0..CALLS as u64)
        .map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move { client.call(mebibyte(number)).await })
        })
        .collect();
    ended(&mut cluster, CALLS).await;
    assert!(
        MEMORY.peak_usage() < before + 2 * UNREAD,
        "{} bytes",
        MEMORY.peak_usage()
    );
    memory_falls_to(before + UNREAD / 2).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn unread_streams_of_replies_over_plain_grpc_cost_what_a_peer_may_leave_unread_and_that_for_a_time()
 {
    const CALLS: usize = 500;
    let _alone = ALONE.lock().await;
    let mut cluster = Cluster::start(0);
    let server = serve(&cluster).await;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let client = NumberedClient::new(closed_window(&server).await);
    let calls = (0..CALLS).map(|_| {
        let mut client = client.clone();
        async move { client.watch(mebibyte(ONE_LARGE_REPLY)).await }
    });
    let responses = tokio::spawn(join_all(calls));
    ended(&mut cluster, UNREAD / MIB / 2).await;
    assert!(
        MEMORY.peak_usage() < before + 3 * UNREAD,
        "{} bytes",
        MEMORY.peak_usage()
    );
    memory_falls_to(before + UNREAD / 2).await;
    responses.abort();
}
