//! Clients that a system can call.

use gorums_runtime::server::Clients;
use gorums_runtime::{Manager, ManagerBuilder, NodeId, System};
use tests::member::Member;
use tests::numbered_replica::Cluster;
use tests::soon;

async fn connected(system: &System) -> Vec<NodeId> {
    let connectivity = system.clients().connectivity();
    let connected = soon("the client", connectivity.wait_for(1)).await;
    connected.expect("the system serves");
    connectivity.connected().into_iter().collect()
}

fn client_of(system: &System) -> ManagerBuilder {
    let address = system.address().expect("it listens").to_string();
    let nothing = Cluster::start(0);
    Manager::builder().address(address).serve(nothing.router(1))
}

#[tokio::test]
async fn members_are_not_among_the_clients_whatever_their_ids() {
    let highest = Clients::FIRST_ID.get() + 5;
    let first = System::builder(highest, [(highest, "127.0.0.1:1")]).listen("127.0.0.1:0");
    let first = first.bind().await.expect("a free port");
    let address = first.address().expect("it listens").to_string();
    let members = [(1, "127.0.0.1:1".to_string()), (highest, address)];
    let second = System::builder(1, members).listen("127.0.0.1:0");
    let second = second.bind().await.expect("a free port");
    let serving = [&first, &second].map(|system| system.serve(Member::server(system)));
    let connectivity = second.connectivity();
    let both = soon("both members", connectivity.wait_for(2)).await;
    both.expect("they serve");

    let client = client_of(&second).connect().await.expect("it serves");
    assert_eq!(connected(&second).await, [NodeId::new(highest + 1)]);
    assert_eq!(second.connectivity().connected().len(), 2);
    client.close();
    for running in serving {
        running.expect("it serves").stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn a_system_that_stops_lets_go_of_its_clients() {
    let system = System::builder(1, [(1, "127.0.0.1:1")]).listen("127.0.0.1:0");
    let system = system.bind().await.expect("a free port");
    let running = system.serve(Member::server(&system)).expect("it serves");
    let _client = client_of(&system).connect().await.expect("it serves");
    connected(&system).await;
    running.stop().await.expect("it stops");
    let connectivity = system.clients().connectivity();
    let gone = connectivity.wait_until(|connected| connected.is_empty());
    soon("the end of the client", gone)
        .await
        .expect("the clients exist");
    assert!(system.clients().configuration().is_empty());
}
