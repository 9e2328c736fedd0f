//! How the addresses of nodes are resolved.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorums_runtime::errors::ManagerError;
use gorums_runtime::{Backoff, Manager, ManagerBuilder, NodeId, System, Transport};
use tests::network::Network;
use tests::register::ReadRequest;
use tests::register::register_gorums::{
    RegisterConfiguration, RegisterNode, RegisterReplicaServer,
};
use tests::replica::Cluster;
use tests::spec::Count;
use tests::{on_both, soon};
use tonic::Code;

/// The names that are known now, and how often each was resolved.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<HashMap<String, Name>>>);

#[derive(Default)]
struct Name {
    addresses: Vec<SocketAddr>,
    resolved: usize,
}

impl Names {
    /// Lets `name` stand for the addresses of these replicas.
    fn set(&self, name: &str, replicas: &[u8]) {
        let address = |number: &u8| Network::address(*number).parse().expect("an address");
        let addresses = replicas.iter().map(address).collect();
        let mut names = self.0.lock().expect("not poisoned");
        names.entry(name.to_owned()).or_default().addresses = addresses;
    }

    fn resolved(&self, name: &str) -> usize {
        let names = self.0.lock().expect("not poisoned");
        names.get(name).map_or(0, |name| name.resolved)
    }

    fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let mut names = self.0.lock().expect("not poisoned");
        let known = names.get_mut(name);
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "there is no such name");
        let name = known.ok_or_else(unknown)?;
        name.resolved += 1;
        Ok(name.addresses.clone())
    }
}

/// A manager of nodes with these ids and names.
async fn manager(
    cluster: &Cluster,
    names: &Names,
    nodes: &[(u32, &str)],
) -> Result<Manager, ManagerError> {
    builder(cluster, names, nodes).connect_lazy().await
}

fn builder(cluster: &Cluster, names: &Names, nodes: &[(u32, &str)]) -> ManagerBuilder {
    let names = names.clone();
    let builder = cluster
        .network
        .manager(0)
        .backoff(Backoff::new(
            Duration::from_millis(1),
            Duration::from_millis(1),
        ))
        .resolver(move |name| std::future::ready(names.resolve(&name)));
    nodes.iter().fold(builder, |builder, (id, address)| {
        builder.node(NodeId::new(*id), *address)
    })
}

fn node(manager: &Manager, id: u32) -> RegisterNode {
    RegisterNode::new(manager.node(NodeId::new(id)).expect("a node"))
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_known_yet_is_its_nodes_error() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let names = Names::default();
        for number in [1, 2] {
            names.set(&format!("replica-{number}:4000"), &[number]);
        }
        let nodes = [
            (1, "replica-1:4000"),
            (2, "REPLICA-2:4000"),
            (3, "replica-3:4000"),
        ];
        let manager = manager(&cluster, &names, &nodes).await.expect("a manager");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(2));
        register.read(ReadRequest {}).await.expect("two are enough");

        let error = node(&manager, 3).read_no_qc(ReadRequest {}).await;
        let error = error.expect_err("its name is not known");
        assert_eq!(error.code(), Code::Unavailable);
        let text = error.to_string();
        assert!(
            text.contains("cannot resolve replica-3:4000: there is no such name"),
            "{text}"
        );

        names.set("replica-3:4000", &[3]);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let read = node(&manager, 3).read_no_qc(ReadRequest {}).await;
        read.expect("its name is known by now");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn all_addresses_of_a_name_are_tried_in_their_order() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let names = Names::default();
        names.set("replica:4000", &[9, 2, 1]);
        names.set("nobody:4000", &[8, 9]);
        let nodes = [(1, "replica:4000"), (2, "nobody:4000")];
        let manager = manager(&cluster, &names, &nodes).await.expect("a manager");
        let replica = node(&manager, 1);
        assert_eq!(replica.as_node().socket_address(), None);
        replica
            .read_no_qc(ReadRequest {})
            .await
            .expect("one of them is up");
        let reached = replica.as_node().socket_address().expect("it is connected");
        assert_eq!(reached.to_string(), Network::address(2));

        let error = node(&manager, 2).read_no_qc(ReadRequest {}).await;
        let text = error.expect_err("none is up").to_string();
        assert!(text.contains(&Network::address(9)), "{text}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_name_is_resolved_again_when_its_node_has_moved() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 2);
        let names = Names::default();
        names.set("replica:4000", &[1]);
        let manager = manager(&cluster, &names, &[(7, "replica:4000")]).await;
        let manager = manager.expect("a manager");
        let replica = node(&manager, 7);
        replica.read_no_qc(ReadRequest {}).await.expect("it is up");
        names.set("replica:4000", &[2]);
        cluster.network.kill(1);
        let moved = async {
            while replica.read_no_qc(ReadRequest {}).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon("the node at its new address", moved).await;
        let reached = replica.as_node().socket_address().expect("it is connected");
        assert_eq!(reached.to_string(), Network::address(2));
        assert!(names.resolved("replica:4000") >= 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_takes_too_long_or_panics_fails_the_attempt() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 1);
        let with = async |id: u32, builder: ManagerBuilder| {
            let manager = builder.node(NodeId::new(id), "replica:4000").connect_lazy();
            let manager = manager.await.expect("a manager");
            let error = node(&manager, id).read_no_qc(ReadRequest {}).await;
            error.expect_err("it is not resolved").to_string()
        };
        let options = || {
            cluster
                .network
                .manager(0)
                .connect_timeout(Duration::from_secs(1))
        };
        let text = with(1, options().resolver(|_| std::future::pending())).await;
        assert!(text.contains("not connected within 1s"), "{text}");
        let text = with(2, options().resolver(|_| async { panic!("as wished") })).await;
        assert!(
            text.contains("the resolver panicked for replica:4000: as wished"),
            "{text}"
        );
        let text = with(3, options().resolver(|_| async { Ok(Vec::new()) })).await;
        assert!(text.contains("replica:4000 has no IP address"), "{text}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_id_is_derived_from_a_name_only_if_it_is_known() {
    let cluster = Cluster::answering(Transport::NodeStream, 1);
    let names = Names::default();
    let connect = async || {
        let builder = builder(&cluster, &names, &[]);
        builder.address("replica:4000").connect_lazy().await
    };
    let error = connect().await.expect_err("it is not known");
    assert!(
        matches!(error, ManagerError::InvalidAddress { .. }),
        "{error}"
    );
    names.set("replica:4000", &[1]);
    let manager = connect().await.expect("it is known");
    let node = manager.nodes().next().expect("a node");
    let address = Network::address(1).parse().expect("an address");
    assert_eq!(node.id(), NodeId::from_address(address));
    assert_eq!(node.address(), "replica:4000");
}

#[tokio::test]
async fn a_system_begins_before_the_names_of_its_members_are_known() {
    let names = Names::default();
    let members = [(1, "member-1:4000"), (2, "member-2:4000")];
    let known = names.clone();
    let system = System::builder(1, members)
        .listen("127.0.0.1:0")
        .manager(|manager| manager.resolver(move |name| std::future::ready(known.resolve(&name))))
        .bind()
        .await;
    let system = system.expect("a free port");
    let server = tests::member::Member::server(&system);
    let server: RegisterReplicaServer = server;
    let _running = system.serve(server).expect("it serves");
    let connectivity = system.connectivity();
    let itself = soon("itself", connectivity.wait_for(1)).await;
    itself.expect("it serves");
    assert_eq!(names.resolved("member-1:4000"), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_node_may_be_at_a_unix_socket() {
    use tests::replica::{Behaviour, Cluster};
    use tokio_stream::wrappers::UnixListenerStream;
    on_both(async |transport| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("replica.sock");
        let listener = tokio::net::UnixListener::bind(&path).expect("a free path");
        let cluster = Cluster::start(transport, []);
        let server = gorums_runtime::Server::new(cluster.services(1, Behaviour::Answer));
        let serving =
            server.serve_connections(UnixListenerStream::new(listener), std::future::pending());
        tokio::spawn(serving);
        let address = format!("unix:{}", path.display());
        let builder = Manager::builder().transport(transport).address(&address);
        let manager = builder.connect().await.expect("it listens");
        let node = manager.nodes().next().expect("a node");
        assert_eq!(node.address(), address);
        assert_eq!(node.socket_address(), None);
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        register.read(ReadRequest {}).await.expect("a reply");
        let absent = format!("{address}.absent");
        let manager = Manager::builder().transport(transport).address(&absent);
        let error = manager
            .connect()
            .await
            .expect_err("nobody listens")
            .to_string();
        assert!(error.contains(&absent), "{error}");
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn members_may_be_at_unix_sockets_and_replace_those_of_processes_that_were_killed() {
    use tests::member::{Member, register};
    on_both(async |transport| {
        let directory = tempfile::tempdir().expect("a directory");
        let address = |id| {
            format!(
                "unix:{}",
                directory.path().join(format!("{id}.sock")).display()
            )
        };
        let members = [1, 2].map(|id| (id, address(id)));
        let start = async |id: u32| {
            let builder = System::builder(id, members.clone());
            let builder = builder.manager(|manager| manager.transport(transport));
            let system = builder.bind().await.expect("a free path");
            let running = system.serve(Member::server(&system)).expect("it serves");
            (system, running)
        };
        let (one, _first) = start(1).await;
        let (two, second) = start(2).await;
        soon("the connection", one.connectivity().wait_for(2))
            .await
            .expect("open");
        let taken = System::builder(2, members.clone()).bind().await;
        let error = taken.expect_err("member 2 listens there").to_string();
        assert!(error.contains("Address already in use"), "{error}");
        second.stop().await.expect("it stops");
        drop(two);
        // Its socket is still there.
        let (_two, _second) = start(2).await;
        let back = one.connectivity();
        soon("the connection", back.wait_for(2))
            .await
            .expect("open");
        for node in register(&one).nodes() {
            node.read_no_qc(ReadRequest {}).await.expect("a reply");
        }
    })
    .await;
}
