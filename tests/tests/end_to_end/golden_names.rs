//! Methods and services whose names generated types, tonic or the runtime already use.

use gorums_runtime::{Context, NodeId, Replies};
use tests::golden::keywords::Type;
use tests::golden::keywords::http_server2_gorums::{
    HttpServer2Configuration, HttpServer2QuorumSpec, HttpServer2Replica, HttpServer2ReplicaServer,
};
use tests::golden::keywords::own_names_gorums::{
    OwnNamesConfiguration, OwnNamesQuorumSpec, OwnNamesReplica, OwnNamesReplicaServer,
};
use tests::golden::keywords::unknown_gorums::{
    UnknownConfiguration, UnknownQuorumSpec, UnknownReplica, UnknownReplicaServer,
};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::Status;

type Handled = Result<Type, Status>;

fn typed(number: i32) -> Type {
    Type { r#fn: number }
}

/// A reply that names the handler that made it.
fn add(handler: i32, request: Type) -> Handled {
    Ok(typed(request.r#fn + handler))
}

/// The sum of all replies, and the quorum function that made it.
fn sum(quorum_function: i32, replies: &mut Replies<Type>) -> Option<Type> {
    let sum: i32 = all(replies)?.iter().map(|reply| reply.r#fn).sum();
    Some(typed(sum + quorum_function))
}

struct Replica;

struct Sum;

impl OwnNamesReplica for Replica {
    async fn new(&self, _: &Context, request: Type) -> Handled {
        add(1, request)
    }

    async fn id(&self, _: &Context, request: Type) -> Handled {
        add(2, request)
    }

    async fn node(&self, _: &Context, request: Type) -> Handled {
        add(3, request)
    }

    async fn nodes(&self, _: &Context, request: Type) -> Handled {
        add(4, request)
    }

    async fn configuration(&self, _: &Context, request: Type) -> Handled {
        add(5, request)
    }

    async fn spec(&self, _: &Context, request: Type) -> Handled {
        add(6, request)
    }

    async fn client(&self, _: &Context, request: Type) -> Handled {
        add(7, request)
    }

    async fn clone(&self, _: &Context, request: Type) -> Handled {
        add(8, request)
    }

    async fn into(&self, _: &Context, request: Type) -> Handled {
        add(9, request)
    }

    async fn to_owned(&self, _: &Context, request: Type) -> Handled {
        add(10, request)
    }
}

impl OwnNamesQuorumSpec for Sum {
    fn new_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(1000, replies)
    }

    fn id_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(2000, replies)
    }

    fn nodes_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(4000, replies)
    }

    fn configuration_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(5000, replies)
    }

    fn spec_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(6000, replies)
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_may_be_called_like_a_function_of_every_configuration_or_node() {
    on_both(async |transport| {
        let nodes = serve(Network::new(transport), |_| {
            OwnNamesReplicaServer::new(Replica)
        });
        let names = OwnNamesConfiguration::new(nodes.await).with_spec(Sum);
        let request = typed(10);
        let decided = [
            names.new_(request).await,
            names.id(request).await,
            names.configuration_(request).await,
            names.spec_(request).await,
        ];
        let decided = decided.map(|outcome| outcome.expect("all").r#fn);
        assert_eq!(decided, [1033, 2036, 5045, 6048]);
        let per_node = names.nodes_(request, |request, node| {
            Some(typed(if node == Network::id(2) {
                100
            } else {
                request.r#fn
            }))
        });
        assert_eq!(per_node.await.expect("all"), typed(4000 + 14 + 104 + 14));

        let node = names.nodes().nth(1).expect("three nodes");
        let replies = [
            node.node(request).await,
            node.client_(request).await,
            node.clone_(request).await,
            node.into_(request).await,
            node.to_owned(request).await,
        ];
        let replies = replies.map(|reply| reply.expect("a reply").r#fn);
        assert_eq!(replies, [13, 17, 18, 19, 20]);
        assert_eq!(node.clone().id(), node.as_node().id());

        let mut client = node.client();
        let replies = [
            client.new_(request).await,
            client.id(request).await,
            client.node(request).await,
            client.nodes(request).await,
            client.configuration(request).await,
            client.spec(request).await,
            client.client(request).await,
            client.clone_(request).await,
            client.into_(request).await,
            client.to_owned_(request).await,
        ];
        let replies = replies.map(|reply| reply.expect("a reply").into_inner().r#fn);
        assert_eq!(replies, [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    })
    .await;
}

impl HttpServer2Replica for Replica {
    async fn connect(&self, _: &Context, request: Type) -> Handled {
        add(1, request)
    }

    async fn with_origin(&self, _: &Context, request: Type) -> Handled {
        add(2, request)
    }

    async fn with_interceptor(&self, _: &Context, request: Type) -> Handled {
        add(3, request)
    }

    async fn send_compressed(&self, _: &Context, request: Type) -> Handled {
        add(4, request)
    }

    async fn accept_compressed(&self, _: &Context, request: Type) -> Handled {
        add(5, request)
    }

    async fn max_decoding_message_size(&self, _: &Context, request: Type) -> Handled {
        add(6, request)
    }

    async fn max_encoding_message_size(&self, _: &Context, request: Type) -> Handled {
        add(7, request)
    }

    async fn cmp(&self, _: &Context, request: Type) -> Handled {
        add(8, request)
    }

    async fn from_disk(&self, _: &Context, request: Type) -> Handled {
        add(9, request)
    }

    async fn into_disk(&self, _: &Context, request: Type) -> Handled {
        add(10, request)
    }

    async fn drop(&self, _: &Context, request: Type) -> Handled {
        add(11, request)
    }

    async fn default(&self, _: &Context, request: Type) -> Handled {
        add(12, request)
    }
}

impl HttpServer2QuorumSpec for Sum {
    fn into_disk_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(1000, replies)
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_may_be_called_like_a_function_of_tonics_clients_or_of_stds_traits() {
    on_both(async |transport| {
        let nodes = serve(Network::new(transport), |_| {
            HttpServer2ReplicaServer::new(Replica)
        });
        let service = HttpServer2Configuration::new(nodes.await).with_spec(Sum);
        let request = typed(20);
        let decided = service.into_disk(request).await.expect("all");
        assert_eq!(decided, typed(1000 + 3 * 30));

        let node = service.node(Network::id(2)).expect("a node");
        let replies = [
            node.connect(request).await,
            node.with_origin(request).await,
            node.with_interceptor(request).await,
            node.send_compressed(request).await,
            node.accept_compressed(request).await,
            node.max_decoding_message_size(request).await,
            node.max_encoding_message_size(request).await,
            node.cmp(request).await,
            node.from_disk(request).await,
            node.drop(request).await,
            node.default(request).await,
        ];
        let replies = replies.map(|reply| reply.expect("a reply").r#fn);
        assert_eq!(replies, [21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32]);

        let mut client = node.client();
        let replies = [
            client.connect_(request).await,
            client.with_origin_(request).await,
            client.with_interceptor_(request).await,
            client.send_compressed_(request).await,
            client.accept_compressed_(request).await,
            client.max_decoding_message_size_(request).await,
            client.max_encoding_message_size_(request).await,
            client.cmp(request).await,
            client.from_disk(request).await,
            client.into_disk(request).await,
            client.drop(request).await,
            client.default(request).await,
        ];
        let replies = replies.map(|reply| reply.expect("a reply").into_inner().r#fn);
        assert_eq!(replies, [21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32]);
    })
    .await;
}

impl UnknownReplica for Replica {
    async fn method(&self, _: &Context, request: Type) -> Handled {
        add(1, request)
    }

    async fn replies(&self, _: &Context, request: Type) -> Handled {
        add(2, request)
    }
}

impl UnknownQuorumSpec for Sum {
    fn replies_qf(&self, replies: &mut Replies<Type>) -> Option<Type> {
        sum(1000, replies)
    }
}

#[tokio::test(start_paused = true)]
async fn a_services_types_may_be_called_like_those_of_the_runtime() {
    on_both(async |transport| {
        let nodes = serve(Network::new(transport), |_| {
            UnknownReplicaServer::new(Replica)
        });
        let unknown = UnknownConfiguration::new(nodes.await).with_spec(Sum);
        let decided = unknown.replies(typed(10)).await.expect("all");
        assert_eq!(decided, typed(1036));
        let node = unknown.node(Network::id(2)).expect("a node");
        let reply = node.method(typed(10)).await.expect("a reply");
        assert_eq!(reply, typed(11));
        let error: gorums_runtime::errors::UnknownNode = unknown
            .node(NodeId::new(4))
            .expect_err("there are three nodes");
        assert!(error.to_string().contains('4'), "{error}");
    })
    .await;
}
