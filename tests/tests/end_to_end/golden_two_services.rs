//! Two services whose methods have the same names, on the same replicas.

use std::sync::{Mutex, MutexGuard};

use gorums_runtime::server::Router;
use gorums_runtime::{Context, NodeId, Replies};
use tests::golden::two_services::journal_gorums::{
    JournalConfiguration, JournalQuorumSpec, JournalReplica, JournalReplicaServer,
};
use tests::golden::two_services::log_gorums::{
    LogConfiguration, LogQuorumSpec, LogReplica, LogReplicaServer,
};
use tests::golden::two_services::nothing_gorums::{
    NothingConfiguration, NothingReplica, NothingReplicaServer,
};
use tests::golden::two_services::{Entry, Index};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::Status;

/// The journal adds this to its indices, so that they differ from those of the log.
const JOURNAL: u64 = 100;

/// The entries of the log or of the journal of one replica.
#[derive(Default)]
struct Entries(Mutex<Vec<Entry>>);

impl Entries {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().expect("not poisoned")
    }

    fn index(&self, offset: u64) -> Index {
        let value = offset + self.lock().len() as u64;
        Index { value }
    }
}

impl LogReplica for Entries {
    async fn append(&self, _: &Context, request: Entry) -> Result<Index, Status> {
        self.lock().push(request);
        Ok(self.index(0))
    }

    async fn last(&self, _: &Context, _: ()) -> Result<Index, Status> {
        Ok(self.index(0))
    }

    async fn clear(&self, _: &Context, _: ()) -> Result<(), Status> {
        self.lock().clear();
        Ok(())
    }
}

impl JournalReplica for Entries {
    async fn append(&self, _: &Context, request: Entry) -> Result<Index, Status> {
        self.lock().push(request);
        Ok(self.index(JOURNAL))
    }

    async fn last(&self, _: &Context, _: ()) -> Result<Index, Status> {
        Ok(self.index(JOURNAL))
    }

    async fn clear(&self, _: &Context, _: ()) -> Result<(), Status> {
        self.lock().clear();
        Ok(())
    }
}

impl NothingReplica for Entries {}

/// Adds up the indices of all replicas.
struct Sum;

fn sum(replies: &mut Replies<Index>) -> Option<Index> {
    let value = all(replies)?.into_iter().map(|index| index.value).sum();
    Some(Index { value })
}

impl LogQuorumSpec for Sum {
    fn append_qf(&self, replies: &mut Replies<Index>) -> Option<Index> {
        sum(replies)
    }

    fn last_qf(&self, replies: &mut Replies<Index>) -> Option<Index> {
        sum(replies)
    }
}

impl JournalQuorumSpec for Sum {
    fn clear_qf(&self, replies: &mut Replies<()>) -> Option<()> {
        all(replies).map(|_| ())
    }
}

fn services(_: u8) -> Router {
    Router::new()
        .add_replica(LogReplicaServer::new(Entries::default()))
        .add_replica(JournalReplicaServer::new(Entries::default()))
        .add_replica(NothingReplicaServer::new(Entries::default()))
}

fn entry() -> Entry {
    Entry {
        content: b"entry".to_vec(),
    }
}

fn index(value: u64) -> Index {
    Index { value }
}

#[tokio::test(start_paused = true)]
async fn methods_of_the_same_name_reach_the_handlers_of_their_own_services() {
    on_both(async |transport| {
        let network = Network::new(transport);
        let nodes = serve(network.clone(), services).await;
        let log = LogConfiguration::new(nodes.clone()).with_spec(Sum);
        let journal = JournalConfiguration::new(nodes).with_spec(Sum);
        let log_node = log.node(Network::id(2)).expect("a node");
        let journal_node = journal.node(Network::id(2)).expect("a node");

        // On all replicas of the log, but on one of the journal.
        assert_eq!(log.append(entry()).await.expect("all"), index(3));
        assert_eq!(log.append(entry()).await.expect("all"), index(6));
        let appended = journal_node.append(entry()).await.expect("a reply");
        assert_eq!(appended, index(JOURNAL + 1));

        // On one replica of the log.
        log_node.clear(()).await.expect("a reply");
        assert_eq!(log.last(()).await.expect("all"), index(4));
        let last = journal_node.last(()).await.expect("a reply");
        assert_eq!(last, index(JOURNAL + 1));

        // On all replicas of the journal.
        journal.clear(()).await.expect("all");
        let nodes: Vec<_> = journal.nodes().collect();
        assert_eq!(nodes.len(), 3);
        for node in nodes {
            let last = node.last(()).await.expect("a reply");
            assert_eq!(last, index(JOURNAL), "at {}", node.id());
        }
        assert_eq!(log.last(()).await.expect("all"), index(4));
        assert_eq!(network.connections(), 3, "the services share them");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_service_without_methods_has_the_nodes_of_its_configuration() {
    on_both(async |transport| {
        let nodes = serve(Network::new(transport), services).await;
        let nothing = NothingConfiguration::new(nodes.clone());
        assert_eq!(nothing.configuration(), nodes);
        let ids: Vec<NodeId> = nothing.nodes().map(|node| node.id()).collect();
        assert_eq!(ids, [1, 2, 3].map(Network::id));
        let unknown = nothing.node(Network::id(4)).expect_err("three nodes");
        assert!(unknown.to_string().contains('4'), "{unknown}");
    })
    .await;
}
