//! Multicasts among members.

use std::collections::BTreeSet;

use gorums_runtime::guide::example::log::follower_gorums::{
    FollowerConfiguration, FollowerReplica, FollowerReplicaServer,
};
use gorums_runtime::guide::example::log::log_gorums::{
    LogConfiguration, LogReplica, LogReplicaServer,
};
use gorums_runtime::guide::example::log::{Command, Commands, Entry, Position};
use gorums_runtime::server::Router;
use gorums_runtime::{Context, NodeId, System, testing};
use tests::soon;
use tests::waiting::Events;
use tokio::sync::mpsc;
use tonic::Status;

/// A delivery: who sent it, and who received it.
type Delivery = (Option<NodeId>, NodeId);

/// A member that passes each command on to all members, itself included.
#[derive(Clone)]
struct Peer {
    id: NodeId,
    all: FollowerConfiguration,
    delivered: mpsc::UnboundedSender<Delivery>,
}

impl Peer {
    fn services(system: &System, delivered: &mpsc::UnboundedSender<Delivery>) -> Router {
        let peer = Self {
            id: system.id(),
            all: FollowerConfiguration::new(system.configuration()),
            delivered: delivered.clone(),
        };
        Router::new()
            .add_replica(LogReplicaServer::new(peer.clone()))
            .add_replica(FollowerReplicaServer::new(peer))
    }
}

impl LogReplica for Peer {
    async fn propose(&self, ctx: &Context, command: Command) -> Result<Position, Status> {
        ctx.release();
        let entry = Entry {
            index: 1,
            command: command.text,
        };
        let sent = self.all.appended(entry).await;
        sent.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Position { index: 1 })
    }

    async fn read(&self, _: &Context, _: ()) -> Result<Commands, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }

    async fn append(&self, _: &Context, _: Entry) -> Result<Position, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }

    async fn fetch(&self, _: &Context, _: ()) -> Result<Commands, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }
}

impl FollowerReplica for Peer {
    async fn appended(&self, ctx: &Context, _: Entry) {
        // The test may have ended.
        let _ = self.delivered.send((ctx.peer(), self.id));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_multicasts_to_all_members_itself_included() {
    let (delivered, mut deliveries) = Events::channel();
    let started = testing::systems(3, move |system| Peer::services(system, &delivered)).await;
    let systems = started.expect("they start");
    soon("the connections", systems.connected()).await;
    let ids: Vec<NodeId> = systems.ids().collect();
    let log = LogConfiguration::new(systems.system(ids[0]).configuration());
    for member in log.nodes() {
        let proposed = member.propose(Command::default()).await;
        proposed.expect("it is sent to all");
    }
    let mut seen = BTreeSet::new();
    for _ in 0..9 {
        let delivery = deliveries.awaited("nine deliveries").await;
        assert!(seen.insert(delivery), "{delivery:?} is there twice");
    }
    for from in &ids {
        for to in &ids {
            assert!(seen.contains(&(Some(*from), *to)), "{from} to {to}");
        }
    }
    tests::settle().await;
    assert!(deliveries.past().is_empty());
}
