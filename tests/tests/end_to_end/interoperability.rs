//! Replicas made with tonic alone, called over plain gRPC: no gorums code, no generated code, and their own messages.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::Transport;
use gorums_runtime::codegen::ProstCodec;
use gorums_runtime::server::Router;
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::spec::{Count, state};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Code, Request, Response, Status};

/// `register.State`, declared independently.
#[derive(Clone, PartialEq, prost::Message)]
struct TheirState {
    #[prost(bytes = "vec", tag = "1")]
    value: Vec<u8>,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(string, tag = "3")]
    unknown_to_us: String,
}

/// Answers every call with this.
#[derive(Clone)]
struct Answering(TheirState);

impl NamedService for Answering {
    const NAME: &'static str = "register.Register";
}

impl UnaryService<()> for Answering {
    type Response = TheirState;
    type Future = Ready<Result<Response<TheirState>, Status>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(self.0.clone())))
    }
}

impl Service<http::Request<Body>> for Answering {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        async move {
            let mut grpc = Grpc::new(ProstCodec::<TheirState, ()>::default());
            Ok(grpc.unary(service, request).await)
        }
        .boxed()
    }
}

/// A service that answers with a state.
fn answering(value: &str, timestamp: i64) -> Router {
    let state = TheirState {
        value: value.into(),
        timestamp,
        unknown_to_us: "a field of a later version".to_string(),
    };
    Router::new().add_service(Answering(state))
}

#[tokio::test(start_paused = true)]
async fn replicas_made_with_tonic_alone_answer_quorum_calls() {
    let network = Network::new(Transport::Grpc);
    network.serve(1, answering("old", 1));
    network.serve(2, answering("new", 2));
    network.serve(3, answering("old", 1));
    let manager = network.manager(3).connect().await.expect("all are up");
    let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(3));
    let read = register.read(ReadRequest {}).await.expect("a quorum");
    assert_eq!(read, state("new", 2));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_service_is_unimplemented() {
    let network = Network::new(Transport::Grpc);
    network.serve(1, Router::new());
    let manager = network.manager(1).connect().await.expect("it is up");
    let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
    let error = register.read(ReadRequest {}).await.expect_err("no service");
    assert_eq!(error.errors()[0].code(), Code::Unimplemented);
}
