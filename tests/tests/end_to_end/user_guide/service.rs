//! The quorum functions and the replica.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gorums_runtime::quorum::Quorums;
use gorums_runtime::testing;
use gorums_runtime::tonic::Status;
use gorums_runtime::{Configuration, Context, Correction, NodeId, Replies, ReplySink};
use tests::soon;

use crate::user_guide::storage::storage_gorums::{
    StorageConfiguration, StorageQuorumSpec, StorageReplica, StorageReplicaServer,
};
use crate::user_guide::storage::{Ack, Agreed, Entry, Key};

/// Decides by majorities, any two of which have a replica in common.
pub(crate) struct Majority {
    pub(crate) quorums: Quorums<NodeId>,
}

impl StorageQuorumSpec for Majority {
    /// The newest entry that a majority has.
    fn read_qf(&self, replies: &mut Replies<Entry>) -> Option<Entry> {
        if !replies.form(&self.quorums) {
            return None;
        }
        replies.take_max_by_key(|entry| entry.version)
    }

    /// `qf_with_req`: the first parameter is the request.
    fn write_qf(&self, request: &Entry, replies: &mut Replies<Ack>) -> Option<Ack> {
        let enough = replies.form(&self.quorums) || request.key == "scratch";
        enough.then(|| replies.take_latest())?
    }

    fn write_shards_qf(&self, replies: &mut Replies<Ack>) -> Option<Ack> {
        replies.form(&self.quorums).then(|| replies.take_latest())?
    }

    /// `custom_return_type`: a message other than the reply.
    fn read_agreed_qf(&self, replies: &mut Replies<Entry>) -> Option<Agreed> {
        if !replies.form(&self.quorums) {
            return None;
        }
        let newest = replies.take_max_by_key(|entry| entry.version)?;
        let agree = replies.messages().filter(|entry| **entry == newest).count();
        Some(Agreed {
            replicas: agree as u32 + 1,
            entry: Some(newest),
        })
    }

    fn write_future_qf(&self, replies: &mut Replies<Ack>) -> Option<Ack> {
        replies.form(&self.quorums).then(|| replies.take_latest())?
    }

    /// The level is the number of replies; a quorum ends the call.
    fn read_correctable_qf(&self, replies: &mut Replies<Entry>) -> Option<Correction<Entry>> {
        let level = replies.len() as i32;
        let newest = replies
            .messages()
            .max_by_key(|entry| entry.version)?
            .clone();
        Some(if replies.form(&self.quorums) {
            Correction::last(newest, level)
        } else {
            Correction::preliminary(newest, level)
        })
    }

    fn follow_qf(&self, replies: &mut Replies<Entry>) -> Option<Correction<Entry>> {
        let newest = replies.latest()?.1.clone();
        let level = newest.version as i32;
        Some(Correction::preliminary(newest, level))
    }
}

/// The service on the nodes of `configuration`.
pub(crate) fn majority_of(configuration: &Configuration) -> StorageConfiguration<Majority> {
    let quorums = configuration.majority();
    StorageConfiguration::new(configuration.clone()).with_spec(Majority { quorums })
}

#[derive(Default)]
pub(crate) struct Replica {
    entries: Mutex<HashMap<String, Entry>>,
}

impl Replica {
    fn entry(&self, key: &Key) -> Entry {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&key.name).cloned().unwrap_or_default()
    }

    fn put(&self, entry: Entry) -> Ack {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let current = entries.entry(entry.key.clone()).or_default();
        let new = entry.version > current.version;
        if new {
            *current = entry;
        }
        Ack { new }
    }
}

impl StorageReplica for Replica {
    async fn get(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        match self.entry(&key) {
            Entry { version: 0, .. } => Err(Status::not_found(format!("no entry {}", key.name))),
            entry => Ok(entry),
        }
    }

    /// One-way: the caller expects no reply.
    async fn hint(&self, _: &Context, entry: Entry) {
        self.put(entry);
    }

    async fn read(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn write(&self, ctx: &Context, entry: Entry) -> Result<Ack, Status> {
        if ctx.remaining() == Some(Duration::ZERO) {
            return Err(Status::deadline_exceeded("too late to write"));
        }
        Ok(self.put(entry))
    }

    async fn write_shards(&self, _: &Context, entry: Entry) -> Result<Ack, Status> {
        Ok(self.put(entry))
    }

    async fn read_agreed(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn write_future(&self, _: &Context, entry: Entry) -> Result<Ack, Status> {
        Ok(self.put(entry))
    }

    async fn collect(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn collect_async(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    /// A stream of replies: `send` waits when the caller falls behind.
    async fn history(
        &self,
        _: &Context,
        key: Key,
        replies: ReplySink<Entry>,
    ) -> Result<(), Status> {
        let entry = self.entry(&key);
        for version in 1..=entry.version {
            let entry = Entry {
                version,
                ..entry.clone()
            };
            replies.send(entry).await?;
        }
        Ok(())
    }

    async fn read_correctable(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn follow(
        &self,
        ctx: &Context,
        key: Key,
        replies: ReplySink<Entry>,
    ) -> Result<(), Status> {
        replies.send(self.entry(&key)).await?;
        ctx.cancelled().await;
        Ok(())
    }

    async fn spread(&self, _: &Context, entry: Entry) {
        self.put(entry);
    }
}

pub(crate) fn entry(value: &str, version: u64) -> Entry {
    Entry {
        key: "k".to_string(),
        value: value.to_string(),
        version,
    }
}

pub(crate) fn key() -> Key {
    Key {
        name: "k".to_string(),
    }
}

/// Three replicas that have an entry.
pub(crate) async fn cluster()
-> Result<(testing::Replicas, StorageConfiguration<Majority>), Box<dyn Error>> {
    let replicas = testing::replicas(3, |_| StorageReplicaServer::new(Replica::default())).await?;
    let storage = majority_of(&replicas.configuration());
    for node in storage.nodes() {
        node.hint(entry("one", 1)).await?;
    }
    soon("the entry at each replica", async {
        loop {
            let entries = storage.collect(key()).all().await?;
            if entries.messages().all(|entry| entry.version > 0) {
                return Ok((replicas, storage));
            }
        }
    })
    .await
}
