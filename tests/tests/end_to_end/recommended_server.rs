//! A tonic server of the user's that is set up as is recommended.

use futures::FutureExt;
use futures::future::join_all;
use gorums_runtime::server::recommended_server;
use gorums_runtime::{Manager, Transport};
use tests::numbered::Wish;
use tests::numbered_replica::{Cluster, connect, request, wish};
use tests::soon;
use tests::spec::Count;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_dropped_make_no_other_fail() {
    const ROUNDS: u64 = 20;
    const DROPPED: u64 = 200;
    let cluster = Cluster::start(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = recommended_server(Server::builder()).add_routes(cluster.router(1).into_routes());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let manager = Manager::builder()
        .address(address.to_string())
        .transport(Transport::Grpc);
    let numbered = connect(manager, Count(1)).await;
    let node = numbered.nodes().next().expect("a node");
    node.call(request(0)).await.expect("it is up");
    for _ in 0..ROUNDS {
        let kept = (0..10).map(|number| tokio::spawn(node.call(request(number)).into_future()));
        let kept: Vec<_> = kept.collect();
        for number in 0..DROPPED {
            // It is sent, and then dropped.
            let call = node.call(wish(number, Wish::Cancelled)).into_future();
            assert!(call.now_or_never().is_none());
        }
        for reply in soon("the replies to the kept calls", join_all(kept)).await {
            reply.expect("no panic").expect("a reply");
        }
    }
}
