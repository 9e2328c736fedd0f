//! Who is calling, and who answers.

use std::time::Duration;

use gorums_runtime::{Manager, NodeId, RunningSystem, System, SystemBuilder};
use tests::member::{Member, register};
use tests::register::ReadRequest;
use tests::{on_both, soon};
use tonic::Code;

/// A member that listens on a free port of the loopback interface.
async fn serve(builder: SystemBuilder) -> (System, RunningSystem) {
    let system = builder.listen("127.0.0.1:0").bind().await;
    let system = system.expect("a free port");
    let running = system.serve(Member::server(&system)).expect("it serves");
    (system, running)
}

fn address(system: &System) -> String {
    system.address().expect("it listens").to_string()
}

/// An address where nobody listens.
const NOWHERE: &str = "127.0.0.1:1";

#[tokio::test]
async fn a_plain_client_is_no_member_and_may_check_ids() {
    on_both(async |transport| {
        let (system, _running) = serve(System::builder(1, [(1, NOWHERE)])).await;
        let client = async |id| {
            let builder = Manager::builder().transport(transport).check_node_ids();
            let manager = builder
                .node(NodeId::new(id), address(&system))
                .connect_lazy();
            let manager = manager.await.expect("an address");
            let register = tests::register::register_gorums::RegisterConfiguration::new(
                manager.configuration(),
            );
            let node = register.nodes().next().expect("a node");
            node.read_no_qc(ReadRequest {}).await
        };
        let reply = client(1).await.expect("it is node 1");
        assert_eq!((reply.value.as_str(), reply.timestamp), ("a client", 1));
        let error = client(2).await.expect_err("it is not node 2");
        assert_eq!(error.code(), Code::FailedPrecondition);
        let text = error.status().message();
        assert!(
            text.contains("node 1 answers at the address of node 2"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_member_calls_as_itself_through_a_tonic_client_and_checks_who_answers() {
    on_both(async |transport| {
        let (second, _running) =
            serve(System::builder(2, [(1, "127.0.0.1:2"), (2, NOWHERE)])).await;
        let call = async |id: u32| {
            let members = [(1, NOWHERE.to_string()), (id, address(&second))];
            let builder = System::builder(1, members);
            let builder = builder.manager(|manager| manager.transport(transport));
            let (system, _running) = serve(builder).await;
            let node = register(&system).node(NodeId::new(id)).expect("a member");
            let mut client = node.client();
            client.read_no_qc(ReadRequest {}).await
        };
        let reply = call(2).await.expect("it is node 2").into_inner();
        assert_eq!((reply.value.as_str(), reply.timestamp), ("1", 2));
        let error = call(3).await.expect_err("it is not node 3");
        assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
        let text = error.message();
        assert!(
            text.contains("node 2 answers at the address of node 3"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_member_at_a_reused_address_is_refused_with_both_ids() {
    on_both(async |transport| {
        let (third, _running) = serve(System::builder(3, [(3, NOWHERE)])).await;
        let members = [(1, NOWHERE.to_string()), (2, address(&third))];
        let builder = System::builder(1, members);
        let builder = builder.manager(|manager| manager.transport(transport));
        let (system, _running) = serve(builder).await;
        let node = register(&system).node(NodeId::new(2)).expect("a member");
        let error = node.read_no_qc(ReadRequest {}).await;
        let error = error.expect_err("it is another node");
        assert_eq!(error.code(), Code::FailedPrecondition);
        let text = error.status().message();
        assert!(
            text.contains("node 3 answers at the address of node 2"),
            "{text}"
        );
        let second = &system.connectivity().nodes()[1];
        assert!(!second.is_connected);
    })
    .await;
}

#[tokio::test]
async fn members_of_another_cluster_are_refused_in_both_directions() {
    on_both(async |transport| {
        let (other, _running) = serve(System::builder(2, [(2, NOWHERE)]).cluster("test")).await;
        let call = async |cluster: Option<&str>| {
            let members = [(1, NOWHERE.to_string()), (2, address(&other))];
            let builder = System::builder(1, members);
            let builder = builder.manager(|manager| manager.transport(transport));
            let builder = match cluster {
                Some(name) => builder.cluster(name),
                None => builder,
            };
            let (system, _running) = serve(builder).await;
            let node = register(&system).node(NodeId::new(2)).expect("a member");
            node.read_no_qc(ReadRequest {}).await
        };
        for cluster in [Some("test"), None] {
            call(cluster).await.expect("it is the same, or none");
        }
        let error = call(Some("prod")).await.expect_err("it is another one");
        assert_eq!(error.code(), Code::FailedPrecondition);
        let text = error.status().message();
        assert!(
            text.contains("\"test\"") && text.contains("\"prod\""),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn of_two_processes_that_claim_one_id_the_newer_one_has_it() {
    let (first, _running) = serve(System::builder(1, [(1, NOWHERE), (2, "127.0.0.1:2")])).await;
    let members = [(1, address(&first)), (2, NOWHERE.to_string())];
    let claimant = async || {
        let (system, running) = serve(System::builder(2, members.clone())).await;
        let connected = system.connectivity();
        let up = connected.wait_until(|ids| ids.contains(&NodeId::new(1)));
        soon("a connection", up).await.expect("it runs");
        (system, running)
    };
    let (old, _old_running) = claimant().await;
    let node = register(&old).node(NodeId::new(1)).expect("a member");
    let reply = node.read_no_qc(ReadRequest {}).await.expect("a reply");
    assert_eq!(reply.value, "2");
    let connectivity = old.connectivity();
    let (_new, _new_running) = claimant().await;
    let is_told = async {
        while !connectivity.nodes()[0]
            .last_failure
            .as_ref()
            .is_some_and(|status| status.message().contains("another process"))
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon("the end of the older stream", is_told).await;
}
