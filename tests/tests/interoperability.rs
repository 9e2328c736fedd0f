//! Replicas that are made with tonic alone: no gorums code, no generated code, messages of their own.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::codegen::ProstCodec;
use gorums_runtime::{CallOptions, QuorumCallErrorKind};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::spec::{Count, state};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

/// `register.State`, as somebody else declares it.
#[derive(Clone, PartialEq, prost::Message)]
struct TheirState {
    #[prost(bytes = "vec", tag = "1")]
    value: Vec<u8>,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(string, tag = "3")]
    unknown_to_us: String,
}

/// Something else than `register.State`.
#[derive(Clone, PartialEq, prost::Message)]
struct Nonsense {
    #[prost(uint64, tag = "1")]
    value: u64,
}

/// Answers every call with what it makes of the call's metadata.
#[derive(Clone)]
struct Answering<T>(fn(&MetadataMap) -> T);

impl<T> NamedService for Answering<T> {
    const NAME: &'static str = "register.Register";
}

impl<T: prost::Message> UnaryService<()> for Answering<T> {
    type Response = T;
    type Future = Ready<Result<Response<T>, Status>>;

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(self.0(request.metadata()))))
    }
}

impl<T> Service<http::Request<Body>> for Answering<T>
where
    T: prost::Message + Clone + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        async move {
            let mut grpc = Grpc::new(ProstCodec::<T, ()>::default());
            Ok(grpc.unary(service, request).await)
        }
        .boxed()
    }
}

fn theirs(value: &str, timestamp: i64) -> TheirState {
    TheirState {
        value: value.into(),
        timestamp,
        unknown_to_us: "a field of a later version".to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_made_with_tonic_alone_answer_quorum_calls() {
    let network = Network::new();
    network.serve(1, Routes::new(Answering(|_| theirs("old", 1))));
    network.serve(2, Routes::new(Answering(|_| theirs("new", 2))));
    network.serve(3, Routes::new(Answering(|_| theirs("old", 1))));
    let manager = network.manager(3).connect().await.expect("all are up");
    let register = RegisterConfiguration::new(manager.configuration(), Count(3));
    let read = register.read(ReadRequest {}).await.expect("a quorum");
    assert_eq!(read, state("new", 2));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_decode_is_its_nodes_error() {
    let network = Network::new();
    network.serve(1, Routes::new(Answering(|_| theirs("new", 1))));
    network.serve(2, Routes::new(Answering(|_| Nonsense { value: 7 })));
    let manager = network.manager(2).connect().await.expect("all are up");
    let register = RegisterConfiguration::new(manager.configuration(), Count(2));
    let error = register.read(ReadRequest {}).await.expect_err("one reply");
    assert_eq!(*error.kind(), QuorumCallErrorKind::Incomplete);
    assert_eq!(error.replies(), 1);
    let [nonsense] = error.errors() else {
        panic!("one node failed: {error}");
    };
    assert_eq!(
        (nonsense.node(), nonsense.code()),
        (Network::id(2), Code::Internal)
    );
    assert!(
        nonsense.to_string().contains("does not decode"),
        "{nonsense}"
    );
    let node = register.node(Network::id(2)).expect("a node");
    let error = node.read_no_qc(ReadRequest {}).await.expect_err("nonsense");
    assert_eq!(error.code(), Code::Internal);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_service_is_unimplemented() {
    let network = Network::new();
    network.serve(1, Routes::default());
    let manager = network.manager(1).connect().await.expect("it is up");
    let register = RegisterConfiguration::new(manager.configuration(), Count(1));
    let error = register.read(ReadRequest {}).await.expect_err("no service");
    assert_eq!(error.errors()[0].code(), Code::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn the_metadata_of_a_call_reaches_the_replicas() {
    let network = Network::new();
    let tenant = Answering(|metadata| {
        let tenant = metadata.get("tenant").map(|value| value.as_bytes());
        theirs(&String::from_utf8_lossy(tenant.unwrap_or(b"nobody")), 1)
    });
    network.serve(1, Routes::new(tenant));
    let manager = network.manager(1).connect().await.expect("it is up");
    let register = RegisterConfiguration::new(manager.configuration(), Count(1));
    let mut metadata = MetadataMap::new();
    metadata.insert("tenant", MetadataValue::from_static("alice"));

    let call = register.read(ReadRequest {}).metadata(metadata.clone());
    assert_eq!(call.await.expect("a reply"), state("alice", 1));
    let node = register.node(Network::id(1)).expect("a node");
    let call = node.read_no_qc(ReadRequest {}).metadata(metadata);
    assert_eq!(call.await.expect("a reply"), state("alice", 1));
    let call = register.read(ReadRequest {});
    assert_eq!(call.await.expect("a reply"), state("nobody", 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_has_the_metadata_of_its_service_unless_it_is_given_its_own() {
    let network = Network::new();
    let tenants = Answering(|metadata| {
        let tenants = metadata.get_all("tenant").iter();
        let tenants: Vec<_> = tenants
            .map(|value| value.to_str().expect("ASCII"))
            .collect();
        theirs(&tenants.join(" and "), 1)
    });
    network.serve(1, Routes::new(tenants));
    let manager = network.manager(1).connect().await.expect("it is up");
    let of = |tenants: &[&'static str]| {
        let mut metadata = MetadataMap::new();
        for tenant in tenants {
            metadata.append("tenant", MetadataValue::from_static(tenant));
        }
        metadata
    };
    let register = RegisterConfiguration::new(manager.configuration(), Count(1))
        .with_options(CallOptions::new().metadata(of(&["alice", "bob"])));
    let read = register.read(ReadRequest {}).await.expect("a reply");
    assert_eq!(read, state("alice and bob", 1));
    let read = register.read(ReadRequest {}).metadata(of(&["carol"]));
    assert_eq!(read.await.expect("a reply"), state("carol", 1));
}
