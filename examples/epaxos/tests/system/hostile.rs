//! Messages that no replica sends.

use std::time::Duration;

use epaxos::proto::consensus_gorums::ConsensusConfiguration;
use epaxos::proto::map_gorums::MapConfiguration;
use epaxos::proto::{Attributes, Ballot, Commit, Instance, Prepare, Proposal, Value};
use epaxos::{Client, Member};
use gorums_runtime::NodeId;
use gorums_runtime::errors::QuorumCallError;
use gorums_runtime::tonic::Code;
use harness::simulation::{self, Cluster};

fn prepare(replica: u32, number: u64, ballot: Ballot) -> Prepare {
    Prepare {
        instance: Some(Instance { replica, number }),
        ballot: Some(ballot),
    }
}

fn proposal(replica: u32, number: u64, ballot: Ballot, dependency: u32) -> Proposal {
    let Prepare { instance, ballot } = prepare(replica, number, ballot);
    let attributes = Attributes {
        seq: 1,
        deps: [(dependency, 1)].into(),
    };
    let value = Value {
        commands: Vec::new(),
        attributes: Some(attributes),
    };
    Proposal {
        instance,
        ballot,
        value: Some(value),
    }
}

/// With which code the first replica has refused.
fn refused<T: std::fmt::Debug>(outcome: Result<T, QuorumCallError>) -> Code {
    let error = outcome.expect_err("all replicas refuse");
    error.errors()[0].code()
}

#[test]
fn messages_that_no_replica_sends_are_refused_and_do_no_harm() {
    let ballot = |number, replica| Ballot { number, replica };
    let run = simulation::run(async {
        let start = |system: &_, disk| Member::new(system, disk).expect("the disk is empty");
        let cluster = Cluster::start(3, 1, start).await?;
        cluster.systems().connected().await;
        let manager = cluster.client(1).await?;

        let stranger = ConsensusConfiguration::new(manager.configuration());
        let call = stranger.prepare(prepare(1, 1, ballot(1, 2))).all();
        assert_eq!(refused(call.await), Code::PermissionDenied);
        let call = stranger.accept(proposal(1, 1, ballot(1, 2), 1)).all();
        assert_eq!(refused(call.await), Code::PermissionDenied);

        let system = cluster.systems().system(NodeId::new(2));
        let member = ConsensusConfiguration::new(system.configuration());
        for (request, code) in [
            (prepare(1, 1, ballot(1, 3)), Code::PermissionDenied),
            (prepare(1, 1, ballot(0, 2)), Code::PermissionDenied),
            (prepare(9, 1, ballot(1, 2)), Code::InvalidArgument),
            (prepare(1, 0, ballot(1, 2)), Code::InvalidArgument),
            (prepare(1, u64::MAX, ballot(1, 2)), Code::InvalidArgument),
            (prepare(1, 1, ballot(u64::MAX, 2)), Code::InvalidArgument),
            (Prepare::default(), Code::InvalidArgument),
        ] {
            assert_eq!(refused(member.prepare(request).all().await), code);
        }
        for (request, code) in [
            (proposal(1, 1, ballot(0, 1), 1), Code::PermissionDenied),
            (proposal(2, 1, ballot(0, 2), 9), Code::InvalidArgument),
            (Proposal::default(), Code::InvalidArgument),
        ] {
            let call = member.pre_accept(request.clone()).all();
            assert_eq!(refused(call.await), code);
            assert_eq!(refused(member.accept(request).all().await), code);
        }
        let commit = |proposal: Proposal| Commit {
            instance: proposal.instance,
            value: proposal.value,
        };
        member.commit(Commit::default()).await?;
        member
            .commit(commit(proposal(1, 1, ballot(0, 1), 9)))
            .await?;
        stranger
            .commit(commit(proposal(1, 1, ballot(0, 1), 1)))
            .await?;

        let replicas = MapConfiguration::new(manager.configuration());
        let client = Client::new(1, replicas, Duration::from_secs(1));
        client.put("k", "v").await?;
        assert_eq!(client.get("k").await?.as_deref(), Some("v"));
        let megabyte = "v".repeat(1 << 20);
        let error = client
            .put("k", &megabyte)
            .await
            .expect_err("it is too large");
        assert!(error.to_string().contains("the command has 1048577 bytes"));
        let large = &megabyte[..1 << 19];
        let puts = (0..16).map(|id| {
            let replicas = MapConfiguration::new(manager.configuration());
            let client = Client::new(3 * id, replicas, Duration::from_secs(1));
            async move { client.put("k", large).await }
        });
        futures::future::try_join_all(puts).await?;
        Ok(())
    });
    run.expect("the replicas serve");
}
