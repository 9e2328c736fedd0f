//! Nodes whose responses are not what gRPC expects.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::calls::CorrectableCall;
use gorums_runtime::calls::Tally;
use gorums_runtime::codegen::{Caller, Correct};
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::server::ServiceName;
use gorums_runtime::{Correction, Method, MethodDescriptor, Replies, Transport};
use tests::golden::correctables::correctables_gorums::{
    CorrectablesConfiguration, CorrectablesQuorumSpec, CorrectablesService,
};
use tests::golden::correctables::{Count as Replied, Value};
use tests::golden::one_way::Entry;
use tests::golden::one_way::one_way_gorums::{OneWayConfiguration, OneWayService};
use tests::golden::streaming::Receipt;
use tests::golden::streaming::transfer_gorums::{TransferNode, TransferService};
use tests::network::Network;
use tests::on_both;
use tests::raw_service::{RawResponse, RawService};
use tests::register::register_gorums::RegisterConfiguration;
use tests::register::register_gorums::RegisterService;
use tests::register::register_gorums::methods::Read;
use tests::register::{ReadRequest, State};
use tests::replica::{Behaviour, Cluster};
use tests::spec::{Count, state};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

/// The details of a status that are not base64.
const MALFORMED: &str = "%%%";

fn in_headers() -> RawResponse {
    RawResponse::new()
        .header("grpc-status", "5")
        .header("grpc-message", "gone")
        .header("grpc-status-details-bin", MALFORMED)
}

fn in_trailers() -> RawResponse {
    RawResponse::new()
        .trailer("grpc-status", "5")
        .trailer("grpc-message", "gone")
        .trailer("grpc-status-details-bin", MALFORMED)
}

/// The same, which tonic reads instead of this crate.
fn compressed(response: RawResponse) -> RawResponse {
    response.header("grpc-encoding", "gzip")
}

fn malformed() -> [RawResponse; 5] {
    [
        in_headers(),
        in_trailers(),
        in_trailers().message(b""),
        compressed(in_trailers()),
        compressed(in_trailers().message(b"")),
    ]
}

/// A network whose node 1 answers every call on the service `S` with `response`.
fn network<S: ServiceName + 'static>(response: RawResponse) -> Network {
    let network = Network::new(Transport::Grpc);
    network.serve(1, RawService::<S>::router(response));
    network
}

#[tokio::test(start_paused = true)]
async fn malformed_details_of_a_status_neither_panic_a_quorum_call_nor_hide_the_status() {
    for response in malformed() {
        let cluster = Cluster::answering(Transport::Grpc, 2);
        let bad = RawService::<RegisterService>::router(response.clone());
        cluster.network.serve(1, bad);
        let builder = cluster.network.manager(2);
        let builder = builder.accept_compressed(CompressionEncoding::Gzip);
        let configuration = builder.connect().await.expect("both").configuration();
        let one = RegisterConfiguration::new(configuration.clone()).with_spec(Count(1));
        one.read(ReadRequest {}).await.expect("the honest one");

        let both = RegisterConfiguration::new(configuration).with_spec(Count(2));
        let error = both.read(ReadRequest {}).await.expect_err("one of two");
        let [error] = error.errors() else {
            panic!("one node fails: {error}");
        };
        assert_eq!(error.node_id(), Network::id(1), "{response:?}");
        assert_eq!(
            (error.code(), error.status().message()),
            (Code::NotFound, "gone")
        );
        assert!(error.status().details().is_empty());
    }
}

/// `register.Register/Read`, as a correctable that ends with the first reply.
struct ReadCorrectable;

impl Method for ReadCorrectable {
    type Request = ReadRequest;
    type Reply = State;
    const PATH: &str = Read::PATH;
    const DESCRIPTOR: MethodDescriptor = Read::DESCRIPTOR;
}

impl Correct<()> for ReadCorrectable {
    type Output = State;

    fn correct(tally: Tally<'_, Self, ()>) -> Option<Correction<State>> {
        Some(Correction::last(tally.replies.take_latest()?, 1))
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_details_of_a_status_end_a_correctable_with_that_status() {
    for response in malformed() {
        let builder = network::<RegisterService>(response).manager(1);
        let builder = builder.accept_compressed(CompressionEncoding::Gzip);
        let configuration = builder.connect().await.expect("it is up").configuration();
        let caller = Caller::new(configuration, ());
        let call = CorrectableCall::<ReadCorrectable, _>::new(&caller, ReadRequest {}).start();
        let error = call.done().await.expect_err("the node fails");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.errors()[0].code(), Code::NotFound);
    }
}

/// Decides nothing.
struct Undecided;

impl CorrectablesQuorumSpec for Undecided {
    fn read_correctable_qf(&self, _: &mut Replies<Value>) -> Option<Correction<Value>> {
        None
    }

    fn read_prelim_qf(&self, replies: &mut Replies<Value>) -> Option<Correction<Value>> {
        let value = replies.take_latest()?;
        Some(Correction::preliminary(value, replies.len() as i32))
    }

    fn read_stream_qf(&self, _: &Value, _: &mut Replies<Value>) -> Option<Correction<Replied>> {
        None
    }

    fn write_per_node_qf(&self, _: &mut Replies<Value>) -> Option<Correction<Value>> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_details_of_a_status_end_a_stream_of_replies_with_that_status() {
    for response in malformed() {
        let builder = network::<CorrectablesService>(response).manager(1);
        let builder = builder.accept_compressed(CompressionEncoding::Gzip);
        let configuration = builder.connect().await.expect("it is up").configuration();
        let correctables = CorrectablesConfiguration::new(configuration).with_spec(Undecided);
        let call = correctables.read_prelim(Value::default());
        let error = call.done().await.expect_err("the node fails");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.errors()[0].code(), Code::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_details_of_a_status_end_a_stream_of_messages_with_that_status() {
    for response in malformed() {
        let builder = network::<OneWayService>(response).manager(1);
        let builder = builder.accept_compressed(CompressionEncoding::Gzip);
        let manager = builder.connect().await.expect("it is up");
        let mut errors = manager.node_errors();
        let one_way = OneWayConfiguration::new(manager.configuration());
        // Handed over or refused, depending on how fast the node is.
        let _ = one_way.append_in_order(Entry::default()).await;
        let error = errors.next().await.expect("the stream has failed");
        assert_eq!(error.code(), Code::NotFound, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_details_of_a_status_do_not_panic_tonics_own_client_on_a_nodes_channel() {
    for response in [in_headers(), in_trailers(), in_trailers().message(b"")] {
        let manager = network::<TransferService>(response)
            .manager(1)
            .connect()
            .await;
        let node = manager.expect("it is up").node(Network::id(1));
        let mut client = TransferNode::new(node.expect("the node")).client();
        let status = client.confirm(Receipt::default()).await;
        assert_eq!(status.expect_err("it fails").code(), Code::NotFound);
        let status = match client.download(Receipt::default()).await {
            Err(status) => status,
            Ok(replies) => {
                let mut replies = replies.into_inner();
                loop {
                    match replies.message().await {
                        Ok(reply) => drop(reply.expect("a status at the end")),
                        Err(status) => break status,
                    }
                }
            }
        };
        assert_eq!((status.code(), status.message()), (Code::NotFound, "gone"));
    }
}

/// The service of node streams.
struct NodeStreams;

impl ServiceName for NodeStreams {
    const NAME: &'static str = "stream.Gorums";
}

#[tokio::test(start_paused = true)]
async fn malformed_details_of_a_status_end_a_node_stream_with_that_status() {
    for response in malformed() {
        let network = Network::new(Transport::NodeStream);
        network.serve(1, RawService::<NodeStreams>::router(response));
        let manager = network.manager(1).connect().await.expect("it is up");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        let error = register.read(ReadRequest {}).await.expect_err("it fails");
        let [error] = error.errors() else {
            panic!("one node fails: {error}");
        };
        assert_eq!(error.code(), Code::Unavailable, "{error}");
        assert!(error.to_string().contains("NotFound: gone"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_nodes_long_status_a_bounded_part_is_kept() {
    on_both(async |transport| {
        let size = match transport {
            Transport::NodeStream => 1 << 20,
            // As much as HTTP/2 allows.
            _ => 12 * 1024,
        };
        let status = Status::aborted("x".repeat(size));
        let cluster = Cluster::start(transport, [Behaviour::Fail(status)]);
        let register = cluster.register(1, Count(1)).await;
        let error = register.write(state("new", 1)).await.expect_err("it fails");
        let [node_error] = error.errors() else {
            panic!("one node fails: {error}");
        };
        assert_eq!(node_error.code(), Code::Aborted);
        let kept = node_error.status().message();
        assert!((4000..=4096).contains(&kept.len()), "{}", kept.len());
        assert!(kept.starts_with("xxx") && kept.ends_with("xxx"), "{kept}");
        assert!(error.to_string().len() < 1000, "{error}");
        let configuration = register.configuration();
        let node = configuration.nodes().next().expect("one");
        let last = node.last_error().expect("it failed");
        assert!(last.status.message().len() <= 4096);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn long_details_of_a_nodes_status_are_dropped_and_that_is_said() {
    // A `google.rpc.Status` with one detail.
    let mut details = Vec::new();
    prost::encoding::bytes::encode(3, &vec![8; 1 << 20], &mut details);
    let status = Status::with_details(Code::Aborted, "no", details.into());
    let cluster = Cluster::start(Transport::NodeStream, [Behaviour::Fail(status)]);
    let register = cluster.register(1, Count(1)).await;
    let error = register.write(state("new", 1)).await.expect_err("it fails");
    let status = error.errors()[0].status();
    assert_eq!(status.code(), Code::Aborted);
    assert!(
        status.message().contains("bytes of details dropped"),
        "{status}"
    );
    assert!(status.details().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_status_with_well_formed_details_keeps_them() {
    let response = RawResponse::new()
        .header("grpc-status", "5")
        .header("grpc-status-details-bin", "CAUSBGdvbmU");
    let manager = network::<RegisterService>(response)
        .manager(1)
        .connect()
        .await;
    let configuration = manager.expect("it is up").configuration();
    let register = RegisterConfiguration::new(configuration).with_spec(Arc::new(()));
    let node = register.node(Network::id(1)).expect("the node");
    let call = node
        .read_no_qc(ReadRequest {})
        .timeout(Duration::from_secs(1));
    let error = call.await.expect_err("it fails");
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.status().details(), b"\x08\x05\x12\x04gone");
}
