//! A table in a file, by redb.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use redb::{Database, ReadableTable, TableDefinition};

use super::{BoxError, Commit, DiskError, Log, Pair};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("state");

/// The most commits that one `fsync` makes durable.
const GROUP: usize = 1024;

/// A database, and the thread that writes it.
#[derive(Debug)]
pub(super) struct File {
    database: Arc<Database>,
    commits: mpsc::Sender<Commit>,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, DiskError> {
        Self::begin(path).map_err(|source| DiskError::Open {
            path: path.display().to_string(),
            source,
        })
    }

    fn begin(path: &Path) -> Result<Self, BoxError> {
        let database = Arc::new(Database::create(path)?);
        let creation = database.begin_write()?;
        creation.open_table(TABLE)?;
        creation.commit()?;
        let (commits, waiting) = mpsc::channel();
        let written = Arc::clone(&database);
        thread::spawn(move || write_all(&written, &waiting));
        Ok(Self { database, commits })
    }

    fn read(&self) -> Result<Vec<Pair>, BoxError> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let pairs = table.iter()?.map(|pair| {
            let (key, value) = pair?;
            Ok((key.value().to_vec(), value.value().to_vec()))
        });
        pairs.collect()
    }
}

impl Log for File {
    fn load(&self) -> Result<Vec<Pair>, DiskError> {
        self.read().map_err(DiskError::Read)
    }

    fn enqueue(&self, commit: Commit) {
        // After a failure nobody receives it, which fails it.
        let _ = self.commits.send(commit);
    }
}

/// Writes commits, those that wait together, until the disk is dropped or fails.
fn write_all(database: &Database, waiting: &mpsc::Receiver<Commit>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(GROUP - 1));
        if let Err(error) = write(database, &group) {
            eprintln!("cannot write the disk: {error}");
            return;
        }
        for commit in group {
            // Nobody may wait any more.
            let _ = commit.done.send(());
        }
    }
}

fn write(database: &Database, group: &[Commit]) -> Result<(), BoxError> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(TABLE)?;
        for (key, value) in group.iter().flat_map(|commit| &commit.batch.changes) {
            match value {
                Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                None => table.remove(key.as_slice())?,
            };
        }
    }
    // redb waits for the `fsync`.
    transaction.commit()?;
    Ok(())
}
