//! A table in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Commit, DiskError, Log, Pair};

/// A table that is gone when the process ends. A commit takes effect at once.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pairs: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Memory {
    fn pairs(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Memory {
    fn load(&self) -> Result<Vec<Pair>, DiskError> {
        let pairs = self.pairs();
        let pairs = pairs
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        Ok(pairs.collect())
    }

    fn enqueue(&self, Commit { batch, done }: Commit) {
        let mut pairs = self.pairs();
        for (key, value) in batch.changes {
            match value {
                Some(value) => pairs.insert(key, value),
                None => pairs.remove(&key),
            };
        }
        // Nobody may wait any more.
        let _ = done.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Disk};

    #[tokio::test]
    async fn what_was_committed_last_is_there_and_what_was_deleted_is_not() {
        let disk = Disk::in_memory();
        let first = disk.commit(Batch::new().put("a", "1").put("b", "2"));
        let second = disk.commit(Batch::new().put("b", "3").delete("a"));
        second.await.expect("it is written");
        first.await.expect("it is written");
        let pairs = disk.load().expect("it can be read");
        assert_eq!(pairs, [(b"b".to_vec(), b"3".to_vec())]);
    }
}
