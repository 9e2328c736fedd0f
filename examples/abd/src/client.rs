//! Reads and writes: the two phases.

use std::sync::atomic::{AtomicU64, Ordering};

use gorums_runtime::errors::QuorumCallError;
use gorums_runtime::quorum::{Quorums, ReadWrite};
use gorums_runtime::{NodeId, Replies};

use crate::flaw::Flaw;
use crate::proto::registers_gorums::RegistersConfiguration;
use crate::proto::{QueryRequest, StoreRequest, Stored, Tag};

/// A client of replicated registers.
///
/// ```no_run
/// use abd::Client;
/// use abd::proto::registers_gorums::RegistersConfiguration;
/// use gorums_runtime::Manager;
/// use gorums_runtime::quorum::ReadWrite;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::connect(["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]).await?;
/// let replicas = manager.configuration();
/// let quorums = ReadWrite::of_writes(replicas.majority());
/// let client = Client::new(7, RegistersConfiguration::new(replicas), quorums);
/// client.write("greeting", "hello").await?;
/// assert_eq!(client.read("greeting").await?.as_deref(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    /// Distinguishes this client's writes from those of all others.
    id: u64,
    replicas: RegistersConfiguration,
    quorums: ReadWrite<NodeId>,
    /// The greatest number of a tag that this client has made. Writes under way have different ones.
    last_number: AtomicU64,
    flaw: Option<Flaw>,
}

/// Why a read or a write fails.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There was no quorum in time. A write may take effect all the same, now or later.
    #[error(transparent)]
    Call(#[from] QuorumCallError),
    /// The greatest tag that there can be is in use.
    #[error(
        "the register {key:?} cannot be written any more: a replica has the greatest possible tag for it"
    )]
    NoGreaterTag {
        /// The register.
        key: String,
    },
}

impl Client {
    /// A client with an id that no other client has or had, of all replicas.
    pub fn new(id: u64, replicas: RegistersConfiguration, quorums: ReadWrite<NodeId>) -> Self {
        Self {
            id,
            replicas,
            quorums,
            last_number: AtomicU64::new(0),
            flaw: None,
        }
    }

    /// A client that makes a mistake, for tests.
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        Self { flaw, ..self }
    }

    /// The quorums of the two phases.
    pub fn quorums(&self) -> &ReadWrite<NodeId> {
        &self.quorums
    }

    /// Reads a register. `None` if it was never written.
    ///
    /// # Errors
    ///
    /// [`ClientError::Call`].
    ///
    /// # Cancel safety
    ///
    /// A read has no effect if its future is dropped.
    pub async fn read(&self, key: &str) -> Result<Option<String>, ClientError> {
        let replies = self.query(key).await?;
        let (newest, holders) = newest(&replies);
        let agreed = self.quorums.writes().is_quorum_of(&holders);
        if !agreed && self.flaw != Some(Flaw::NoWriteBack) {
            self.store(key, newest.clone()).await?;
        }
        Ok(newest.tag.map(|_| newest.value))
    }

    /// Writes a register.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]. The write may have taken effect, or may later.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the write may take effect, now or later.
    pub async fn write(&self, key: &str, value: &str) -> Result<(), ClientError> {
        let seen = match self.flaw {
            Some(Flaw::NoQuery) => 0,
            _ => newest(&self.query(key).await?).0.order().0,
        };
        let tag = Tag {
            number: self
                .number_after(seen)
                .ok_or_else(|| ClientError::NoGreaterTag {
                    key: key.to_owned(),
                })?,
            writer: self.id,
        };
        let value = value.to_owned();
        self.store(
            key,
            Stored {
                tag: Some(tag),
                value,
            },
        )
        .await?;
        Ok(())
    }

    /// Phase 1: what a read quorum has.
    async fn query(&self, key: &str) -> Result<Replies<Stored>, QuorumCallError> {
        let query = self.replicas.query(QueryRequest {
            key: key.to_owned(),
        });
        match self.flaw {
            Some(Flaw::SmallQuorum) => {
                let any = Quorums::any(self.replicas.configuration().node_ids());
                query.quorum_of(&any).await
            }
            _ => query.quorum_of(self.quorums.reads()).await,
        }
    }

    /// Phase 2: gives a value to a write quorum.
    async fn store(&self, key: &str, stored: Stored) -> Result<(), QuorumCallError> {
        let request = StoreRequest {
            key: key.to_owned(),
            stored: Some(stored),
        };
        let store = self.replicas.store(request);
        store.quorum_of(self.quorums.writes()).await?;
        Ok(())
    }

    /// A number for a tag that is greater than `seen`, and than those of this client's other writes. `None` if there is
    /// none.
    fn number_after(&self, seen: u64) -> Option<u64> {
        let next = |last: u64| last.max(seen).checked_add(1);
        let last = self
            .last_number
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.ok().and_then(next)
    }
}

/// The value with the greatest tag, and the replicas that have it.
fn newest(replies: &Replies<Stored>) -> (Stored, Vec<NodeId>) {
    let newest = replies.messages().max_by_key(|stored| stored.order());
    let newest = newest.cloned().unwrap_or_default();
    let holders = replies
        .iter()
        .filter(|(_, stored)| stored.order() == newest.order());
    let holders = holders.map(|(node, _)| node).collect();
    (newest, holders)
}

#[cfg(test)]
mod tests {
    use gorums_runtime::testing::replies;

    use super::*;

    fn stored(number: u64, writer: u64, value: &str) -> Stored {
        Stored {
            tag: Some(Tag { number, writer }),
            value: value.to_owned(),
        }
    }

    #[test]
    fn the_newest_value_has_the_greatest_number_and_then_the_greatest_writer() {
        let values = [
            stored(2, 1, "b"),
            stored(1, 9, "a"),
            stored(2, 3, "c"),
            stored(2, 3, "c"),
        ];
        let (newest, holders) = newest(&replies(values));
        assert_eq!(newest, stored(2, 3, "c"));
        assert_eq!(holders, [3, 4].map(NodeId::new));
    }

    #[test]
    fn replicas_agree_that_a_register_was_never_written() {
        let (newest, holders) = newest(&replies([Stored::default(), Stored::default()]));
        assert_eq!(newest.tag, None);
        assert_eq!(holders.len(), 2);
    }
}
