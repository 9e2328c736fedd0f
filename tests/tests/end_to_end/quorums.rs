//! Calls that wait for the quorums of a system.

use gorums_runtime::codegen::Caller;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::quorum::{Quorums, Share};
use gorums_runtime::{AggregateCall, NodeId};
use tests::network::Network;
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::methods::Read;
use tests::replica::{Behaviour, Cluster, Gate};
use tokio::time::Instant;
use tonic::Status;

async fn caller(cluster: &Cluster, replicas: u8) -> Caller<()> {
    let manager = cluster.network.manager(replicas).connect_lazy().await;
    Caller::new(manager.expect("a manager").configuration(), ())
}

fn read(caller: &Caller<()>) -> AggregateCall<Read> {
    AggregateCall::new(caller, ReadRequest {})
}

fn ids<const N: usize>(numbers: [u8; N]) -> [NodeId; N] {
    numbers.map(Network::id)
}

fn broken() -> Behaviour {
    Behaviour::Fail(Status::internal("broken"))
}

fn silent() -> Behaviour {
    Behaviour::AnswerAfter(Gate::closed())
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_the_replies_of_a_quorum() {
    on_both(async |transport| {
        let answer = || Behaviour::Answer;
        let cluster = Cluster::start(transport, [answer(), silent(), answer(), answer()]);
        let caller = caller(&cluster, 4).await;
        let rows = Quorums::row([ids([1, 2]), ids([3, 4])]).expect("two rows");
        let replies = read(&caller)
            .quorum_of(&rows)
            .await
            .expect("the second row");
        assert!(rows.is_quorum_of(&replies.node_ids().collect::<Vec<_>>()));
        let majority = caller.configuration().majority();
        let replies = read(&caller).quorum_of(&majority).await.expect("three");
        assert_eq!(replies.distinct_nodes(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_incomplete_as_soon_as_no_quorum_is_left() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [broken(), silent(), silent(), broken()]);
        let caller = caller(&cluster, 4).await;
        // A node of each row has failed, and half of the nodes.
        let rows = Quorums::row([ids([1, 2]), ids([3, 4])]).expect("two rows");
        let start = Instant::now();
        let error = read(&caller).quorum_of(&rows).await.expect_err("no row");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.errors().len(), 2);
        // Nodes outside of the configuration do not answer either.
        let elsewhere = Quorums::all(ids([1, 9]));
        let error = read(&caller)
            .quorum_of(&elsewhere)
            .await
            .expect_err("no node 9");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(start.elapsed(), std::time::Duration::ZERO);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn skipped_nodes_are_in_no_quorum() {
    on_both(async |transport| {
        let cluster = Cluster::start(transport, [Behaviour::Answer, silent(), silent()]);
        let caller = caller(&cluster, 3).await;
        let call = |skipped: NodeId| {
            AggregateCall::<Read>::per_node(&caller, ReadRequest {}, move |request, node| {
                (node != skipped).then_some(*request)
            })
        };
        let weights = [(1, 1), (2, 1), (3, 5)].map(|(node, weight)| (Network::id(node), weight));
        let stake = Quorums::weights(weights, Share::more_than(1, 2)).expect("weights");
        let error = call(Network::id(3)).quorum_of(&stake).await;
        let error = error.expect_err("too little weight is left");
        assert_eq!(
            (error.kind(), error.errors().len()),
            (QuorumCallErrorKind::Incomplete, 0)
        );
        let any = Quorums::any(ids([1, 2]));
        let replies = call(Network::id(3)).quorum_of(&any).await.expect("node 1");
        assert_eq!((replies.len(), replies.is_empty()), (1, false));
    })
    .await;
}
