//! A key-value store, with node calls and quorum calls on the same values.

use std::collections::HashMap;
use std::sync::Mutex;

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::{Context, Replies, Transport};
use tests::golden::storage::storage_gorums::{
    StorageConfiguration, StorageQuorumSpec, StorageReplica, StorageReplicaServer,
};
use tests::golden::storage::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::Status;

#[derive(Default)]
struct Replica(Mutex<HashMap<String, WriteRequest>>);

fn age(time: Option<Timestamp>) -> Option<(i64, i32)> {
    time.map(|time| (time.seconds, time.nanos))
}

impl Replica {
    fn read(&self, key: &str) -> ReadResponse {
        match self.0.lock().expect("not poisoned").get(key) {
            Some(stored) => ReadResponse {
                ok: true,
                value: stored.value.clone(),
                time: stored.time,
            },
            None => ReadResponse::default(),
        }
    }

    fn write(&self, request: WriteRequest) -> WriteResponse {
        let mut values = self.0.lock().expect("not poisoned");
        let stored = values.get(&request.key).and_then(|stored| stored.time);
        let new = age(request.time) > age(stored);
        if new {
            values.insert(request.key.clone(), request);
        }
        WriteResponse { new }
    }
}

impl StorageReplica for Replica {
    async fn read_rpc(&self, _: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.read(&request.key))
    }

    async fn write_rpc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_qc(&self, _: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.read(&request.key))
    }

    async fn write_qc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }
}

/// Reads return the newest value of all replicas. A write is new if it is new at a majority, and not empty.
struct All;

impl StorageQuorumSpec for All {
    fn read_qc_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
        let replies = all(replies)?.into_iter();
        replies.max_by_key(|reply| age(reply.time))
    }

    fn write_qc_qf(
        &self,
        request: &WriteRequest,
        replies: &mut Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        let new = all(replies)?.iter().filter(|reply| reply.new).count();
        let new = new >= 2 && !request.value.is_empty();
        Some(WriteResponse { new })
    }
}

async fn storage(transport: Transport) -> StorageConfiguration<All> {
    let nodes = serve(Network::new(transport), |_| {
        StorageReplicaServer::new(Replica::default())
    });
    StorageConfiguration::new(nodes.await).with_spec(All)
}

fn write(value: &str, seconds: i64, nanos: i32) -> WriteRequest {
    WriteRequest {
        key: "key".to_string(),
        value: value.to_string(),
        time: Some(Timestamp { seconds, nanos }),
    }
}

fn read() -> ReadRequest {
    ReadRequest {
        key: "key".to_string(),
    }
}

/// The value that is read after `write`.
fn written(write: &WriteRequest) -> ReadResponse {
    ReadResponse {
        ok: true,
        value: write.value.clone(),
        time: write.time,
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_to_all_nodes_is_read_from_each() {
    on_both(async |transport| {
        let storage = storage(transport).await;
        let nothing = storage.read_qc(read()).await.expect("all");
        assert_eq!(nothing, ReadResponse::default());

        let first = write("first", 1, 999_999_999);
        assert!(storage.write_qc(first.clone()).await.expect("all").new);
        let nodes: Vec<_> = storage.nodes().collect();
        assert_eq!(nodes.len(), 3);
        for node in nodes {
            let stored = node.read_rpc(read()).await.expect("a reply");
            assert_eq!(stored, written(&first), "at {}", node.id());
        }
        let other = ReadRequest {
            key: "other".to_string(),
        };
        assert!(!storage.read_qc(other).await.expect("all").ok);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_written_to_one_node_is_read_from_all_if_it_is_the_newest() {
    on_both(async |transport| {
        let storage = storage(transport).await;
        let node = storage.node(Network::id(2)).expect("a node");
        storage.write_qc(write("old", 1, 0)).await.expect("all");
        let newest = write("newest", 1, 1);
        assert!(node.write_rpc(newest.clone()).await.expect("a reply").new);
        let found = storage.read_qc(read()).await.expect("all");
        assert_eq!(found, written(&newest));

        let stale = write("stale", 0, 0);
        assert!(!node.write_rpc(stale).await.expect("a reply").new);
        let found = node.read_rpc(read()).await.expect("a reply");
        assert_eq!(found, written(&newest));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_write_is_decided_by_its_replies_and_its_request() {
    on_both(async |transport| {
        let storage = storage(transport).await;
        let node = storage.node(Network::id(2)).expect("a node");
        node.write_rpc(write("ahead", 5, 0)).await.expect("a reply");

        let majority = storage.write_qc(write("value", 3, 0)).await;
        assert!(majority.expect("all").new);
        let stale = storage.write_qc(write("value", 3, 0)).await;
        assert!(!stale.expect("all").new);
        let empty = storage.write_qc(write("", 6, 0)).await;
        assert!(!empty.expect("all").new);
    })
    .await;
}
