//! How replicas receive and send messages: their sizes, and their compression.

use gorums_runtime::server::{ReplicaServer, Router};
use gorums_runtime::testing::{Replicas, replicas};
use gorums_runtime::{Context, NodeChannel, NodeId};
use tests::golden::relab_import::relab_client::RelabClient;
use tests::golden::relab_import::relab_gorums::{RelabReplica, RelabReplicaServer, RelabService};
use tests::golden::relab_import::{Reply, Request};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::{Code, Status};

/// Answers with the key that it is asked for.
struct Echo;

impl RelabReplica for Echo {
    async fn get(&self, _: &Context, request: Request) -> Result<Reply, Status> {
        Ok(Reply { value: request.key })
    }
}

/// An echo that is served as `set` says, and a client of it.
async fn served<R: Into<Router>>(
    set: fn(ReplicaServer<RelabService>) -> R,
) -> (Replicas, RelabClient<NodeChannel>) {
    let replicas = replicas(1, |_| set(RelabReplicaServer::new(Echo))).await;
    let replicas = replicas.expect("a replica");
    let node = replicas.manager().node(NodeId::new(1)).expect("the node");
    let client = RelabClient::new(node.channel());
    (replicas, client)
}

fn request(bytes: usize) -> Request {
    Request {
        key: "x".repeat(bytes),
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_of_any_client_beyond_the_limit_fails_and_the_error_names_the_option() {
    let (_replicas, mut client) = served(|it| Router::from(it).max_message_size(100)).await;
    client.get(request(90)).await.expect("small enough");
    let status = client.get(request(110)).await.expect_err("too large");
    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(
        status.message(),
        "the request has 112 bytes, more than the server's max_message_size of 100; raise that option at the server"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_are_decompressed_from_the_encodings_that_are_accepted() {
    let (_replicas, client) = served(|it| it.accept_compressed(Gzip)).await;
    let reply = client
        .clone()
        .send_compressed(Gzip)
        .get(request(1000))
        .await;
    assert_eq!(reply.expect("accepted").into_inner().value.len(), 1000);
    let status = client.send_compressed(Zstd).get(request(1000)).await;
    assert_eq!(status.expect_err("another").code(), Code::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn replies_are_compressed_for_those_who_accept_it() {
    let (_replicas, client) = served(|it| it.send_compressed(Zstd)).await;
    for (mut client, encoding) in [
        (client.clone(), None),
        (client.clone().accept_compressed(Gzip), None),
        (client.accept_compressed(Zstd), Some("zstd")),
    ] {
        let reply = client.get(request(1000)).await.expect("a reply");
        let encoded = reply.metadata().get("grpc-encoding");
        let encoded = encoded.map(|value| value.to_str().expect("ASCII"));
        assert_eq!(encoded, encoding);
        assert_eq!(reply.into_inner().value.len(), 1000);
    }
}
