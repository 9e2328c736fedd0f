//! Clients on the simulated network of in-memory systems.

use std::time::Duration;

use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::{NodeId, testing};
use tests::member::Member;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::spec::{Count, state};

const SECOND: Duration = Duration::from_secs(1);
const CLIENT: NodeId = NodeId::new(101);

#[tokio::test(start_paused = true)]
async fn a_client_calls_all_systems_and_is_none_of_them() {
    let systems = testing::systems(3, Member::server)
        .await
        .expect("they start");
    let manager = systems
        .client(CLIENT)
        .connect_lazy()
        .await
        .expect("its nodes are right");
    let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(3));
    register
        .write(state("written", 1))
        .await
        .expect("all are up");
    for node in register.nodes() {
        let read = node.read_no_qc(ReadRequest {}).await.expect("it is up");
        assert!(read.value.contains("a client"), "{read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_links_of_a_client_are_cut_in_one_direction() {
    let systems = testing::systems(1, Member::server)
        .await
        .expect("it starts");
    let manager = systems
        .client(CLIENT)
        .connect_lazy()
        .await
        .expect("its node is right");
    let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
    register.read(ReadRequest {}).await.expect("it is up");

    systems.cut(NodeId::new(1), CLIENT);
    let written = register.write(state("written", 1)).timeout(SECOND).await;
    let error = written.expect_err("no reply arrives");
    assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
    systems.heal();
    let read = register.read(ReadRequest {}).timeout(SECOND).await;
    assert_eq!(read.expect("the link is mended").value, "written");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "2 is the id of a system")]
async fn a_client_does_not_have_the_id_of_a_system() {
    let systems = testing::systems(3, Member::server)
        .await
        .expect("they start");
    let _ = systems.client(NodeId::new(2));
}
