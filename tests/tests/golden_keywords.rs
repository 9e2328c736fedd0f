//! Messages, fields, methods and a service whose names are keywords or in an odd letter case.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use gorums_runtime::{Method, Replies};
use tests::golden::keywords::http_server2_gorums::methods as http_methods;
use tests::golden::keywords::type_service_gorums::{
    TypeServiceConfiguration, TypeServiceQuorumSpec, methods as type_methods,
};
use tests::golden::keywords::type_service_server::{TypeService, TypeServiceServer};
use tests::golden::keywords::{Self_, Type};
use tests::network::Network;
use tests::service::{all, serve};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

type Handled<T = Type> = Result<Response<T>, Status>;

fn typed(number: i32) -> Type {
    Type { r#fn: number }
}

struct Replica;

struct Sum;

#[tonic::async_trait]
impl TypeService for Replica {
    async fn r#type(&self, request: Request<Type>) -> Handled<Self_> {
        Ok(Response::new(Self_ {
            r#type: "type".to_string(),
            self_: request.into_inner().r#fn + 1,
            r#match: true,
        }))
    }

    async fn self_(&self, request: Request<Self_>) -> Handled {
        Ok(Response::new(typed(request.into_inner().self_ + 2)))
    }

    async fn r#async(&self, request: Request<Type>) -> Handled {
        Ok(Response::new(typed(request.into_inner().r#fn + 3)))
    }

    async fn r#match(&self, request: Request<Self_>) -> Handled<Self_> {
        let mut reply = request.into_inner();
        reply.r#match = !reply.r#match;
        Ok(Response::new(reply))
    }

    type read_streamStream = BoxStream<'static, Result<Self_, Status>>;

    async fn read_stream(&self, request: Request<Type>) -> Handled<Self::read_streamStream> {
        let numbers = stream::iter(0..request.into_inner().r#fn);
        let replies = numbers.map(|number| {
            Ok(Self_ {
                self_: number,
                ..Self_::default()
            })
        });
        Ok(Response::new(replies.boxed()))
    }
}

impl TypeServiceQuorumSpec for Sum {
    fn type_qf(&self, replies: &mut Replies<Self_>) -> Option<Self_> {
        let replies = all(replies)?;
        Some(Self_ {
            r#type: replies.iter().map(|reply| reply.r#type.as_str()).collect(),
            self_: replies.iter().map(|reply| reply.self_).sum(),
            r#match: replies.iter().all(|reply| reply.r#match),
        })
    }

    fn self_qf(&self, request: &Self_, replies: &mut Replies<Type>) -> Option<Type> {
        let sum: i32 = all(replies)?.iter().map(|reply| reply.r#fn).sum();
        Some(typed(if request.r#match { -sum } else { sum }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_may_be_called_like_a_keyword() {
    let nodes = serve(Network::new(), |_| {
        Routes::new(TypeServiceServer::new(Replica))
    });
    let service = TypeServiceConfiguration::new(nodes.await, Sum);
    let message = Self_ {
        r#type: "typetypetype".to_string(),
        self_: 33,
        r#match: true,
    };
    let decided = service.r#type(typed(10)).await.expect("all");
    assert_eq!(decided, message);
    let decided = service.self_(message.clone()).await.expect("all");
    assert_eq!(decided, typed(-3 * 35));

    let node = service.node(Network::id(2)).expect("a node");
    let reply = node.r#async(typed(10)).await.expect("a reply");
    assert_eq!(reply, typed(13));
    let reply = node.r#match(message.clone()).await.expect("a reply");
    assert!(!reply.r#match);
    assert_eq!(reply.r#type, message.r#type);

    let stream = node.client().read_stream(typed(3)).await.expect("a stream");
    let numbers = stream
        .into_inner()
        .map(|reply| reply.expect("a message").self_);
    assert_eq!(numbers.collect::<Vec<_>>().await, [0, 1, 2]);
}

#[test]
fn names_of_any_letter_case_travel_as_the_proto_file_has_them() {
    let paths = [
        type_methods::Type::DESCRIPTOR.path(),
        type_methods::Self_::DESCRIPTOR.path(),
        type_methods::Async::DESCRIPTOR.path(),
        http_methods::WithOrigin::DESCRIPTOR.path(),
        http_methods::WithInterceptor::DESCRIPTOR.path(),
        http_methods::SendCompressed::DESCRIPTOR.path(),
    ];
    let expected = [
        "/keywords.type_service/type",
        "/keywords.type_service/Self",
        "/keywords.type_service/async",
        "/keywords.HTTPServer2/with_origin",
        "/keywords.HTTPServer2/WITH_INTERCEPTOR",
        "/keywords.HTTPServer2/sendCompressed",
    ];
    assert_eq!(paths, expected);
}
