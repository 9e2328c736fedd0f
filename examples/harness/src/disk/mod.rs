//! What a replica keeps on disk: a table of keys and values that survives a crash.
//!
//! A replica commits each change before it answers. It starts the commit while it holds the lock of its state, so that
//! changes reach the disk in the order in which they were made, and waits after it has released the lock:
//!
//! ```
//! use std::sync::Mutex;
//!
//! use harness::disk::{Batch, Disk, DiskFailed};
//!
//! async fn increment(counter: &Mutex<u64>, disk: &Disk) -> Result<u64, DiskFailed> {
//!     let (value, durable) = {
//!         let mut counter = counter.lock().expect("nobody panics with the lock");
//!         *counter += 1;
//!         (*counter, disk.commit(Batch::new().put("counter", counter.to_le_bytes())))
//!     };
//!     durable.await?;
//!     Ok(value)
//! }
//! ```
//!
//! Commits that wait while another one is written are written together, with one `fsync`.

mod file;
mod memory;
mod simulated;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

pub use simulated::SimulatedDisk;

/// An error of whatever keeps the table.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A durable table. Clones are the same table.
#[derive(Clone, Debug)]
pub struct Disk {
    log: Arc<dyn Log>,
}

/// Where commits wait for the disk.
trait Log: std::fmt::Debug + Send + Sync {
    fn load(&self) -> Result<Vec<Pair>, DiskError>;

    /// Enqueues a commit. A commit that is dropped has failed.
    fn enqueue(&self, commit: Commit);
}

/// A batch that is to be written, and who waits for it.
#[derive(Debug)]
struct Commit {
    batch: Batch,
    done: oneshot::Sender<()>,
}

impl Disk {
    /// Opens the table in a file, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`DiskError::Open`], for instance if another process has the file open.
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self, DiskError> {
        Ok(Self {
            log: Arc::new(file::File::open(path.as_ref())?),
        })
    }

    /// A table in memory, which is gone when the process ends.
    pub fn in_memory() -> Self {
        Self {
            log: Arc::new(memory::Memory::default()),
        }
    }

    /// All pairs that are durable, in the order of their keys.
    ///
    /// # Errors
    ///
    /// [`DiskError::Read`].
    pub fn load(&self) -> Result<Vec<Pair>, DiskError> {
        self.log.load()
    }

    /// Begins to write a batch, all of it or nothing. The returned future is ready when it is durable.
    ///
    /// Batches become durable in the order of the calls, whether or not their futures are polled.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the batch is still written.
    pub fn commit(&self, batch: Batch) -> Durable {
        let (done, waiting) = oneshot::channel();
        self.log.enqueue(Commit { batch, done });
        Durable { waiting }
    }
}

/// Changes that become durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key.
    #[must_use]
    pub fn put(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.changes.push((key.into(), Some(value.into())));
        self
    }

    /// Removes a key, if it is there.
    #[must_use]
    pub fn delete(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.changes.push((key.into(), None));
        self
    }
}

/// Waits until a batch is durable. [`Disk::commit`] returns it.
#[derive(Debug)]
#[must_use = "a batch may be lost until it is durable"]
pub struct Durable {
    waiting: oneshot::Receiver<()>,
}

impl Future for Durable {
    type Output = Result<(), DiskFailed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = ready!(Pin::new(&mut self.waiting).poll(cx));
        Poll::Ready(done.map_err(|_| DiskFailed))
    }
}

/// Why a replica cannot rely on its disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: BoxError,
    },
    /// What is on the disk cannot be read.
    #[error("cannot read the disk: {0}")]
    Read(BoxError),
}

/// A write failed, or the process was killed in the simulation. Nothing is written from then on: what is on the disk after
/// a failed write is known only when it is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk has failed; restart the replica")]
pub struct DiskFailed;
