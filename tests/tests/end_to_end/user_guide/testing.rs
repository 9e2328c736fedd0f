//! Tests of an application.

use std::time::Duration;

use gorums_runtime::errors::{QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::quorum::Quorums;
use gorums_runtime::testing::{self, replies};
use gorums_runtime::{CallOptions, NodeId};

use crate::user_guide::Outcome;
use crate::user_guide::service::{Majority, Replica, entry, key, majority_of};
use crate::user_guide::storage::storage_gorums::{
    StorageCalls, StorageQuorumSpec, StorageReplicaServer, methods,
};
use crate::user_guide::storage::{Ack, Entry, Key};

#[test]
fn a_quorum_function_decides_on_a_majority() {
    let spec = Majority {
        quorums: Quorums::majority([1, 2, 3].map(NodeId::new)),
    };
    assert_eq!(spec.read_qf(&mut replies([entry("old", 1)])), None);
    let newest = spec.read_qf(&mut replies([entry("new", 2), entry("old", 1)]));
    assert_eq!(newest, Some(entry("new", 2)));
}

#[tokio::test]
async fn a_write_is_read_with_a_replica_down() -> Outcome {
    let replicas = testing::replicas(3, |_| StorageReplicaServer::new(Replica::default())).await?;
    let storage = majority_of(&replicas.configuration());
    replicas.stop(NodeId::new(3));
    storage.write(entry("one", 1)).await?;
    assert_eq!(storage.read(key()).await?, entry("one", 1));
    Ok(())
}

/// Copies an entry under another key.
async fn copy(storage: &impl StorageCalls, from: Key, to: &str) -> Result<(), QuorumCallError> {
    let mut entry = storage.read(from).await?;
    entry.key = to.to_string();
    storage.write(entry).await?;
    Ok(())
}

#[tokio::test]
async fn an_entry_is_copied() -> Outcome {
    let replicas = testing::replicas(3, |_| StorageReplicaServer::new(Replica::default())).await?;
    let storage = majority_of(&replicas.configuration());
    storage.write(entry("one", 1)).await?;
    copy(&storage, key(), "copy").await?;
    let copied = storage
        .read(Key {
            name: "copy".into(),
        })
        .await?;
    assert_eq!(
        (copied.key.as_str(), copied.value.as_str()),
        ("copy", "one")
    );
    Ok(())
}

/// Has one entry, and fails to write the key `full`.
struct Mock;

impl StorageCalls for Mock {
    async fn read(&self, _: Key) -> Result<Entry, QuorumCallError> {
        Ok(entry("one", 1))
    }

    async fn write(&self, entry: Entry) -> Result<Ack, QuorumCallError> {
        if entry.key == "full" {
            let kind = QuorumCallErrorKind::Incomplete;
            return Err(testing::quorum_call_error::<methods::Write>(kind, 1, []));
        }
        Ok(Ack { new: true })
    }
}

#[tokio::test]
async fn copying_fails_when_the_copy_cannot_be_written() -> Outcome {
    copy(&Mock, key(), "copy").await?;
    let error = copy(&Mock, key(), "full").await.expect_err("no quorum");
    assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
    Ok(())
}

/// Reads an entry within 50 ms.
async fn read_soon(storage: &impl StorageCalls, key: Key) -> Result<Entry, QuorumCallError> {
    let soon = CallOptions::new().timeout(Duration::from_millis(50));
    storage.with_options(soon).read(key).await
}

/// Has one entry, for those who wait 50 ms for it.
#[derive(Default)]
struct Hurried {
    options: CallOptions,
}

impl StorageCalls for Hurried {
    fn with_options(&self, options: CallOptions) -> Self {
        Self { options }
    }

    async fn read(&self, _: Key) -> Result<Entry, QuorumCallError> {
        assert_eq!(self.options.get_timeout(), Some(Duration::from_millis(50)));
        Ok(entry("one", 1))
    }
}

#[tokio::test]
async fn a_read_has_a_deadline() -> Outcome {
    assert_eq!(
        read_soon(&Hurried::default(), key()).await?,
        entry("one", 1)
    );
    Ok(())
}
