//! Many calls at once, over TCP, to tonic servers with default limits.

use std::net::SocketAddr;

use futures::future::join_all;
use gorums_runtime::Manager;
use tests::on_both;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster, handled};
use tests::spec::{Count, state};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

const CALLS: i64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_thousand_calls_at_once_all_are_decided_and_all_reach_every_replica() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(transport, []);
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for number in 1..=3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            addresses.push(listener.local_addr().expect("bound"));
            let services = cluster.services(number, Behaviour::Answer);
            let server = Server::builder().add_routes(services.into_routes());
            tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        }
        let builder = Manager::builder().transport(transport);
        let manager = builder.addresses(addresses.iter().map(ToString::to_string));
        let manager = manager.connect().await.expect("all are up");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(2));

        let calls = (1..=CALLS).map(|timestamp| {
            let call = register.write(state("value", timestamp));
            tokio::spawn(call.into_future())
        });
        for outcome in join_all(calls).await {
            outcome.expect("no panic").expect("a quorum");
        }
        let mut handled_at = [0; 3];
        while handled_at != [CALLS; 3] {
            if let Some(replica) = handled(&cluster.event().await) {
                handled_at[usize::from(replica) - 1] += 1;
            }
        }
    })
    .await;
}
