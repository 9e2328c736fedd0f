//! Clients that do not read their replies, and clients with many replies to read.

use std::time::Duration;

use futures::future::join_all;
use gorums_runtime::codegen::ProstCodec;
use gorums_runtime::server::{RunningServer, StreamLimits};
use gorums_runtime::{Manager, NodeChannel, Server};
use prost::Message;
use tests::numbered::Request;
use tests::numbered::numbered_client::NumberedClient;
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered_replica::{Cluster, ONE_LARGE_REPLY, request};
use tests::spec::Count;
use tests::{settle, soon};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Status, Streaming};

const MIB: usize = 1024 * 1024;

/// A message of a node stream, with the fields that these tests need.
#[derive(Clone, PartialEq, Message)]
struct StreamMessage {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(string, tag = "2")]
    method: String,
    #[prost(message, tag = "3")]
    status: Option<RpcStatus>,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
}

/// A request for a reply of `size` bytes.
fn sized(number: u64, size: usize) -> Request {
    Request {
        number,
        size: size.try_into().expect("it fits"),
        ..Request::default()
    }
}

/// A stream with these requests for replies of `size` bytes. Nothing reads the replies but the test. If `half_closed`,
/// no further requests follow.
async fn unread(
    channel: NodeChannel,
    requests: impl IntoIterator<Item = u64, IntoIter: Send + 'static>,
    size: usize,
    half_closed: bool,
) -> Result<Streaming<StreamMessage>, Status> {
    let requests = requests.into_iter().map(move |number| StreamMessage {
        number,
        method: "numbered.Numbered.Call".into(),
        payload: sized(number, size).encode_to_vec(),
        ..StreamMessage::default()
    });
    let requests = futures::stream::iter(requests);
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("connected");
    let path = PathAndQuery::from_static("/stream.Gorums/NodeStream");
    let codec = ProstCodec::<StreamMessage, StreamMessage>::default();
    let replies = if half_closed {
        grpc.streaming(tonic::Request::new(requests), path, codec)
            .await
    } else {
        let open = futures::StreamExt::chain(requests, futures::stream::pending());
        grpc.streaming(tonic::Request::new(open), path, codec).await
    };
    replies.map(|replies| {
        let replies: Streaming<StreamMessage> = replies.into_inner();
        replies
    })
}

/// The unread replies of a stream, and its end.
async fn read(replies: &mut Streaming<StreamMessage>) -> (Vec<StreamMessage>, Status) {
    let mut read = Vec::new();
    loop {
        match replies.message().await {
            Ok(Some(reply)) => read.push(reply),
            Ok(None) => return (read, Status::ok("")),
            Err(status) => return (read, status),
        }
    }
}

/// The connection to the first replica in memory.
async fn channel(cluster: &Cluster) -> NodeChannel {
    let numbered = cluster.numbered(1).await;
    let configuration = numbered.configuration();
    let node = configuration.nodes().next().expect("a node");
    node.channel()
}

/// A server of one replica over TCP.
async fn serve(cluster: &Cluster, limits: StreamLimits) -> RunningServer {
    let router = cluster.router(1).stream_limits(limits);
    let server = Server::new(router.max_message_size(usize::MAX))
        .bind("127.0.0.1:0")
        .await;
    server.expect("a free port").start()
}

async fn connect(server: &RunningServer) -> NodeChannel {
    let manager = Manager::connect([server.address().to_string()]).await;
    let manager = manager.expect("it is up");
    manager.nodes().next().expect("a node").channel()
}

async fn numbered(server: &RunningServer) -> NumberedConfiguration<Count> {
    let manager = Manager::builder()
        .address(server.address().to_string())
        .max_message_size(256 * MIB)
        .connect()
        .await
        .expect("it is up");
    NumberedConfiguration::new(manager.configuration()).with_spec(Count(1))
}

#[tokio::test(start_paused = true)]
async fn no_further_handler_begins_while_a_client_has_much_to_read_and_it_loses_nothing() {
    let mut cluster = Cluster::start(0);
    cluster.serve(1, StreamLimits::new().replies(16, 8 * MIB));
    let mut replies = unread(channel(&cluster).await, 1..=40, MIB, true)
        .await
        .expect("a stream");
    settle().await;
    let begun = cluster.began_at(1).len();
    assert!((8..20).contains(&begun), "{begun} handlers began");
    let (read, end) = soon("the end of the replies", read(&mut replies)).await;
    assert_eq!(read.len(), 40);
    assert_eq!(end.code(), Code::Ok);
}

#[tokio::test(start_paused = true)]
async fn small_replies_that_nobody_reads_are_bounded_by_their_number() {
    let mut cluster = Cluster::start(0);
    cluster.serve(1, StreamLimits::new().replies(16, usize::MAX));
    // They first fill the client's window of 2 MiB.
    let _replies = unread(channel(&cluster).await, 1..=10_000, 1024, false)
        .await
        .expect("a stream");
    settle().await;
    let begun = cluster.began_at(1).len();
    assert!(begun < 3000, "{begun} handlers began");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_replies_for_the_stall_timeout_loses_its_stream() {
    let timeout = Duration::from_secs(7);
    for half_closed in [false, true] {
        let cluster = Cluster::start(0);
        cluster.serve(1, StreamLimits::new().stall_timeout(timeout));
        let channel = channel(&cluster).await;
        let mut replies = unread(channel, 1..=30, MIB, half_closed)
            .await
            .expect("a stream");
        tokio::time::sleep(2 * timeout).await;
        let (read, end) = soon("the end of the replies", read(&mut replies)).await;
        assert!(read.len() < 10, "{} replies were kept", read.len());
        assert_eq!(end.code(), Code::ResourceExhausted, "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_keeps_its_stream() {
    let timeout = Duration::from_secs(7);
    let cluster = Cluster::start(0);
    cluster.serve(1, StreamLimits::new().stall_timeout(timeout));
    let mut replies = unread(channel(&cluster).await, 1..=30, MIB, true)
        .await
        .expect("a stream");
    for _ in 1..=30 {
        tokio::time::sleep(timeout - Duration::from_secs(1)).await;
        soon("a reply", replies.message())
            .await
            .expect("the stream goes on")
            .expect("the stream goes on");
    }
    let (rest, end) = soon("the end of the replies", read(&mut replies)).await;
    assert_eq!((rest.len(), end.code()), (0, Code::Ok));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_but_has_nothing_to_read_keeps_its_stream() {
    let cluster = Cluster::start(1);
    let numbered = cluster.numbered(1).await;
    let node = numbered.nodes().next().expect("a node");
    node.call(request(1)).await.expect("a reply");
    tokio::time::sleep(Duration::from_secs(600)).await;
    node.call(request(2)).await.expect("a reply");
    assert_eq!(cluster.network.connections(), 1);
}

#[tokio::test]
async fn a_stream_counts_until_its_client_has_read_its_replies() {
    let cluster = Cluster::start(0);
    let server = serve(&cluster, StreamLimits::new().streams_per_address(1)).await;
    let mut first = unread(connect(&server).await, 1..=8, MIB, true)
        .await
        .expect("a stream");
    let channel = connect(&server).await;
    let refused = unread(channel.clone(), [2], 1, true).await;
    let status = refused.expect_err("one too many");
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        soon("the end of the replies", read(&mut first))
            .await
            .0
            .len(),
        8
    );
    let again = async { while unread(channel.clone(), [3], 1, true).await.is_err() {} };
    soon("room for another stream", again).await;
}

#[tokio::test]
async fn what_a_peer_has_not_read_on_all_its_streams_is_bounded() {
    let cluster = Cluster::start(0);
    let limits = StreamLimits::new()
        .replies(100, 10 * MIB)
        .peer_reply_bytes(12 * MIB)
        .streams_per_address(12);
    let server = serve(&cluster, limits).await;
    // The second stream may use the room that is left, and the others have one reply each.
    let (mut streams, mut kept) = (Vec::new(), 0);
    for _ in 0..4 {
        let replies = unread(connect(&server).await, 1..=20, MIB, true).await;
        streams.push(replies.expect("a stream"));
    }
    for replies in &mut streams {
        let (read, end) = soon("the end of the replies", read(replies)).await;
        assert_eq!(end.code(), Code::Ok, "{end}");
        kept += read.len();
    }
    assert_eq!(
        kept,
        4 * 20,
        "those that had to wait came once there was room"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_for_which_a_peer_has_no_room_fails_its_call_only() {
    let cluster = Cluster::start(0);
    let limits = StreamLimits::new().peer_reply_bytes(4 * MIB);
    cluster.serve(1, limits);
    let mut replies = unread(channel(&cluster).await, 1..=2, 3 * MIB, true)
        .await
        .expect("a stream");
    settle().await;
    let (read, end) = soon("the end of the replies", read(&mut replies)).await;
    let codes = read
        .iter()
        .map(|reply| reply.status.as_ref().map_or(0, |status| status.code))
        .collect::<Vec<_>>();
    assert_eq!(codes, [0, Code::ResourceExhausted as i32]);
    assert_eq!(end.code(), Code::Ok, "{end}");
}

#[tokio::test]
async fn large_replies_get_through_one_or_several_at_once() {
    let cluster = Cluster::start(0);
    let server = serve(&cluster, StreamLimits::new()).await;
    let numbered = numbered(&server).await;
    let node = numbered.nodes().next().expect("a node");
    let calls = (1..=4).map(|number| node.concurrent_call(sized(number, 20 * MIB)).into_future());
    for reply in soon("all replies", join_all(calls)).await {
        assert_eq!(reply.expect("a reply").padding.len(), 20 * MIB);
    }
    let watched = numbered.watch(sized(ONE_LARGE_REPLY, 70 * MIB));
    let replies: Vec<_> = soon(
        "all replies",
        futures::StreamExt::collect(watched.responses()),
    )
    .await;
    let sizes = replies
        .into_iter()
        .map(|(_, reply)| reply.map(|reply| reply.padding.len()));
    assert_eq!(
        sizes.collect::<Result<Vec<_>, _>>().expect("no error"),
        [70 * MIB]
    );
    node.call(request(5)).await.expect("the stream goes on");
}

#[tokio::test(start_paused = true)]
async fn a_plain_grpc_response_that_its_client_does_not_take_is_dropped_after_the_stall_timeout() {
    let timeout = Duration::from_secs(7);
    let cluster = Cluster::start(0);
    cluster.serve(1, StreamLimits::new().stall_timeout(timeout));
    let mut client = NumberedClient::new(channel(&cluster).await);
    // One large reply, because many small ones in the window would be too many frames for the client's HTTP/2.
    let streamed = sized(ONE_LARGE_REPLY, 2 * MIB);
    let replies = client.watch(streamed).await.expect("a response");
    let mut replies = replies.into_inner();
    tokio::time::sleep(2 * timeout).await;
    let end = loop {
        match soon("a reply", replies.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("all was kept"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::ResourceExhausted, "{end}");
    // A client that reads gets the whole response.
    let replies = client.watch(streamed).await.expect("a response");
    let mut replies = replies.into_inner();
    while soon("a reply", replies.message())
        .await
        .expect("no error")
        .is_some()
    {}
}

#[tokio::test]
async fn what_a_peer_has_not_read_of_plain_grpc_responses_is_bounded() {
    let cluster = Cluster::start(0);
    let limits = StreamLimits::new().peer_reply_bytes(10 * MIB);
    let server = serve(&cluster, limits).await;
    let client = NumberedClient::new(connect(&server).await).max_decoding_message_size(64 * MIB);
    let mut unread = Vec::new();
    let mut refused = 0;
    for _ in 0..8 {
        match client.clone().watch(sized(ONE_LARGE_REPLY, 4 * MIB)).await {
            Ok(replies) => unread.push(replies.into_inner()),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                refused += 1;
            }
        }
    }
    // A stream may begin without a reply, and fail later.
    let mut large = 0;
    for mut replies in unread {
        match soon("a reply", replies.message()).await {
            Ok(Some(_)) => large += 1,
            Ok(None) => panic!("no reply"),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                refused += 1;
            }
        }
    }
    assert_eq!(large + refused, 8);
    assert!(large >= 2, "{large} were kept");
    let mut client = client.clone();
    let small = client.call(sized(1, 4 * MIB));
    soon("a reply", small).await.expect("there is room again");
}
