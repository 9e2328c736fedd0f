//! How a server's state is laid out on its disk.
//!
//! Entries have the keys `e` and their indices, big-endian, so that they are in order. The other records have one key each.

use gorums_runtime::prost::{DecodeError, Message};
use harness::disk::{Batch, Disk, DiskError};

use crate::output::Write;
use crate::proto::{Entry, HardState, LogStart, Snapshot};
use crate::raft::Stored;

const HARD_STATE: &[u8] = b"hard state";
const LOG_START: &[u8] = b"log start";
const SNAPSHOT: &[u8] = b"snapshot";
const ENTRY: u8 = b'e';

/// Why a server's state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A record cannot be decoded.
    #[error("the record {key:?} is broken: {source}")]
    Record {
        /// Its key.
        key: String,
        /// Why.
        source: DecodeError,
    },
    /// A record is none that a server writes.
    #[error("the record {0:?} is not one of Raft's; is this the disk of another program?")]
    Unknown(String),
}

/// All that is on the disk.
pub(crate) fn load(disk: &Disk) -> Result<Stored, StorageError> {
    let mut stored = Stored::default();
    for (key, value) in disk.load()? {
        let name = || String::from_utf8_lossy(&key).into_owned();
        let broken = |source| StorageError::Record {
            key: name(),
            source,
        };
        let value = &*value;
        match &*key {
            HARD_STATE => stored.hard_state = HardState::decode(value).map_err(broken)?,
            LOG_START => stored.start = LogStart::decode(value).map_err(broken)?.into(),
            SNAPSHOT => stored.snapshot = Some(Snapshot::decode(value).map_err(broken)?),
            [ENTRY, ..] => stored.entries.push(Entry::decode(value).map_err(broken)?),
            _ => return Err(StorageError::Unknown(name())),
        }
    }
    Ok(stored)
}

/// The batch of a step's writes.
pub(crate) fn batch(writes: Vec<Write>) -> Batch {
    let writes = writes.into_iter();
    writes.fold(Batch::new(), |batch, write| match write {
        Write::HardState(state) => batch.put(HARD_STATE, state.encode_to_vec()),
        Write::Entry(entry) => batch.put(entry_key(entry.index), entry.encode_to_vec()),
        Write::Remove(index) => batch.delete(entry_key(index)),
        Write::Start(start) => {
            let start = LogStart {
                index: start.index,
                term: start.term,
            };
            batch.put(LOG_START, start.encode_to_vec())
        }
        Write::Snapshot(snapshot) => batch.put(SNAPSHOT, snapshot.encode_to_vec()),
    })
}

fn entry_key(index: u64) -> Vec<u8> {
    let mut key = vec![ENTRY];
    key.extend(index.to_be_bytes());
    key
}
