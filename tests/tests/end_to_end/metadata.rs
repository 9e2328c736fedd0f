//! The metadata of calls, at the replicas.

use gorums_runtime::{CallOptions, ManagerBuilder};
use tests::network::Network;
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster};
use tests::spec::Count;
use tonic::metadata::{MetadataMap, MetadataValue};

fn metadata(entries: &[(&'static str, &'static str)]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for (key, value) in entries {
        metadata.append(*key, MetadataValue::from_static(value));
    }
    metadata
}

async fn register(builder: ManagerBuilder) -> RegisterConfiguration<Count> {
    let manager = builder.connect_lazy().await.expect("a manager");
    RegisterConfiguration::new(manager.configuration()).with_spec(Count(1))
}

async fn read(register: &RegisterConfiguration<Count>, own: MetadataMap) -> String {
    let read = register.read(ReadRequest {}).metadata(own).await;
    read.expect("a reply").value
}

#[tokio::test(start_paused = true)]
async fn the_metadata_of_a_call_reaches_the_replicas() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [Behaviour::AnswerMetadata(&["tenant"])]);
        let register = register(cluster.network.manager(1)).await;
        let alice = metadata(&[("tenant", "alice")]);
        assert_eq!(read(&register, alice.clone()).await, "alice");
        let node = register.node(Network::id(1)).expect("a node");
        let call = node.read_no_qc(ReadRequest {}).metadata(alice);
        assert_eq!(call.await.expect("a reply").value, "alice");
        let call = register.read(ReadRequest {});
        assert_eq!(call.await.expect("a reply").value, "");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_services_metadata_goes_with_every_call_and_the_calls_own_wins() {
    on_both(async |transport| {
        let keys = Behaviour::AnswerMetadata(&["tenant", "zone", "trace"]);
        let cluster = Cluster::start(transport, [keys]);
        let of_service = metadata(&[("tenant", "alice"), ("tenant", "bob"), ("zone", "north")]);
        let register = register(cluster.network.manager(1)).await;
        let register = register.with_options(CallOptions::new().metadata(of_service));
        let call = register.read(ReadRequest {});
        assert_eq!(call.await.expect("a reply").value, "alice,bob north ");
        let own = metadata(&[("tenant", "carol"), ("trace", "1"), ("trace", "2")]);
        assert_eq!(read(&register, own).await, "carol north 1,2");
        assert_eq!(
            read(&register, MetadataMap::new()).await,
            "alice,bob north "
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_managers_metadata_goes_with_every_call_and_the_calls_own_wins() {
    on_both(async |transport| {
        let keys = Behaviour::AnswerMetadata(&["tenant", "zone", "trace"]);
        let cluster = Cluster::start(transport, [keys]);
        let defaults = metadata(&[("tenant", "alice"), ("tenant", "bob"), ("zone", "north")]);
        let register = register(cluster.network.manager(1).metadata(defaults)).await;
        let call = register.read(ReadRequest {});
        assert_eq!(call.await.expect("a reply").value, "alice,bob north ");
        let own = metadata(&[("tenant", "carol"), ("trace", "1"), ("trace", "2")]);
        assert_eq!(read(&register, own).await, "carol north 1,2");
    })
    .await;
}
