//! How long nodes stay connected, and what remains of dropped managers.
//!
//! One test counts the descriptors of the process; the others release theirs.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::server::RunningServer;
use gorums_runtime::{Manager, NodeId, Server};
use tests::golden::one_way::Entry;
use tests::golden::one_way::one_way_gorums::OneWayConfiguration;
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster};
use tests::spec::{Count, state};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

const MANAGERS: usize = 25;

/// The resources that may leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Left {
    tasks: usize,
    descriptors: usize,
}

fn left() -> Left {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("Linux");
    Left {
        tasks: Handle::current().metrics().num_alive_tasks(),
        descriptors: descriptors.count(),
    }
}

/// Waits until no more than `before` is left.
async fn wait_until_gone(before: Left) {
    let gone = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let now = left();
            if now.tasks <= before.tasks && now.descriptors <= before.descriptors {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), gone).await;
    assert!(
        in_time.is_ok(),
        "waited for {before:?}, and {:?} is left",
        left()
    );
}

/// A node that reads everything and never answers.
async fn silent() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let accepting = tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while connection
                    .read(&mut buffer)
                    .await
                    .is_ok_and(|bytes| bytes > 0)
                {}
            });
        }
    });
    (address, accepting)
}

/// A node whose kernel accepts connections from which nobody reads.
fn stuck() -> (String, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    (address, listener)
}

async fn honest(cluster: &Cluster) -> RunningServer {
    let server = Server::new(cluster.services(1, Behaviour::Answer));
    server
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start()
}

#[tokio::test]
async fn of_managers_that_are_dropped_nothing_is_left_whatever_their_nodes_do() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, []);
        let honest = honest(&cluster).await;
        let (silent, _accepting) = silent().await;
        let (stuck, _listener) = stuck();
        let before = left();
        for round in 0..MANAGERS {
            let builder = Manager::builder()
                .transport(transport)
                .node(NodeId::new(1), honest.address().to_string())
                .node(NodeId::new(2), &silent)
                .node(NodeId::new(3), &stuck);
            let manager = builder.connect_lazy().await.expect("addresses");
            let one = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
            // Decided, and still in flight at the others, without a deadline.
            one.read(ReadRequest {}).await.expect("the honest one");
            one.write(state("new", 1)).await.expect("the honest one");
            // One-way, and detached.
            let one_way = OneWayConfiguration::new(manager.configuration());
            one_way.append(Entry::default()).detach();
            one_way.append_in_order(Entry::default()).detach();
            // Withdrawn.
            let all = RegisterConfiguration::new(manager.configuration()).with_spec(Count(3));
            let undecided = all.read(ReadRequest {}).timeout(Duration::from_millis(5));
            undecided.await.expect_err("two are silent");
            // The last handle is the manager's, a configuration's or a node's.
            match round % 3 {
                0 => drop((one, one_way, all, manager)),
                1 => drop((manager, one_way, all, one)),
                _ => {
                    let nodes: Vec<_> = manager.nodes().collect();
                    drop((manager, one, one_way, all));
                    drop(nodes);
                }
            }
        }
        wait_until_gone(before).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_handle_keeps_its_node_connected() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let manager = cluster
            .network
            .manager(1)
            .connect()
            .await
            .expect("it is up");
        let node = manager.nodes().next().expect("a node");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect("a reply");
        let connections = cluster.network.connections();
        let still_connected = async |register: &RegisterConfiguration<Count>| {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            register.read(ReadRequest {}).await.expect("a reply");
            assert_eq!(cluster.network.connections(), connections);
        };
        drop((manager, node));
        still_connected(&register).await;
        let node = register
            .configuration()
            .nodes()
            .next()
            .expect("a node")
            .clone();
        let call = register.read(ReadRequest {});
        drop(register);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        call.await.expect("a reply");
        let channel = node.channel();
        drop(node);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let mut client = tests::register::register_client::RegisterClient::new(channel);
        client.read(ReadRequest {}).await.expect("a reply");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_errors_of_nodes_end_with_the_last_handle() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        cluster.network.stick(2);
        let manager = cluster.network.manager(2).connect_lazy().await;
        let manager = manager.expect("addresses");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.write(state("new", 1)).await.expect("a quorum");
        let all = manager.node_errors();
        let of_configuration = register.configuration().node_errors();
        drop((register, manager));
        // The straggler at the stuck node is not reported.
        assert_eq!(all.count().await, 0);
        assert_eq!(of_configuration.count().await, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_decided_write_still_reaches_a_node_that_lags_when_the_last_handle_is_dropped() {
    on_both(async |transport| {
        let gate = tests::replica::Gate::closed();
        let behaviours = [Behaviour::Answer, Behaviour::AnswerAfter(gate.clone())];
        let mut cluster = Cluster::start(transport, behaviours);
        let manager = cluster.network.manager(2).connect().await.expect("both");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.write(state("new", 1)).await.expect("a quorum");
        drop((register, manager));
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.open();
        cluster.wait_for(&[1, 2], tests::replica::handled).await;
    })
    .await;
}
