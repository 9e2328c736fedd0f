//! Messages, fields, methods and a service whose names are keywords or have an unusual letter case.

use futures::StreamExt;
use gorums_runtime::{Context, Method, Replies, ReplySink};
use tests::golden::keywords::http_server2_gorums::methods as http_methods;
use tests::golden::keywords::type_service_gorums::{
    TypeServiceConfiguration, TypeServiceQuorumSpec, TypeServiceReplica, TypeServiceReplicaServer,
    methods as type_methods,
};
use tests::golden::keywords::{Self_, Type};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::Status;

type Handled<T = Type> = Result<T, Status>;

fn typed(number: i32) -> Type {
    Type { r#fn: number }
}

struct Replica;

struct Sum;

impl TypeServiceReplica for Replica {
    async fn r#type(&self, _: &Context, request: Type) -> Handled<Self_> {
        Ok(Self_ {
            r#type: "type".to_string(),
            self_: request.r#fn + 1,
            r#match: true,
        })
    }

    async fn self_(&self, _: &Context, request: Self_) -> Handled {
        Ok(typed(request.self_ + 2))
    }

    async fn r#async(&self, _: &Context, request: Type) -> Handled {
        Ok(typed(request.r#fn + 3))
    }

    async fn r#match(&self, _: &Context, mut message: Self_) -> Handled<Self_> {
        message.r#match = !message.r#match;
        Ok(message)
    }

    async fn read_stream(
        &self,
        _: &Context,
        request: Type,
        replies: ReplySink<Self_>,
    ) -> Handled<()> {
        for number in 0..request.r#fn {
            let reply = Self_ {
                self_: number,
                ..Self_::default()
            };
            replies.send(reply).await?;
        }
        Ok(())
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
    on_both(async |transport| {
        let nodes = serve(Network::new(transport), |_| {
            TypeServiceReplicaServer::new(Replica)
        });
        let service = TypeServiceConfiguration::new(nodes.await).with_spec(Sum);
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
    })
    .await;
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
