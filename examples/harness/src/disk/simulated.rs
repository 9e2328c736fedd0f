//! A table in memory that fails as a disk does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Commit, Disk, DiskError, Log, Pair};

/// How long the slowest write takes. Most are much faster.
const SLOWEST_WRITE: Duration = Duration::from_millis(60);

/// A disk of a simulated machine, which outlives its replica.
///
/// Writes take a random time. After a [`crash`](Self::crash), some of those that were under way are on the disk, in order,
/// and the others are not.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    process: Option<AbortHandle>,
    queue: Option<Arc<Queue>>,
}

/// The commits of one process.
#[derive(Debug, Default)]
struct Queue {
    /// `None` once the process has crashed.
    commits: Mutex<Option<VecDeque<Commit>>>,
    changed: Notify,
}

impl SimulatedDisk {
    /// An empty disk. `seed` decides how long writes take and which of them survive a crash.
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::with_seed(seed),
            pairs: BTreeMap::new(),
            process: None,
            queue: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Opens the disk for a new process. One that has it open [crashes](Self::crash).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn open(&self) -> Disk {
        self.crash();
        let queue = Arc::new(Queue {
            commits: Mutex::new(Some(VecDeque::new())),
            changed: Notify::new(),
        });
        let writing = tokio::spawn(self.clone().write_all(Arc::clone(&queue)));
        let mut state = self.state();
        state.process = Some(writing.abort_handle());
        state.queue = Some(Arc::clone(&queue));
        drop(state);
        Disk {
            log: Arc::new(Open {
                disk: self.clone(),
                queue,
            }),
        }
    }

    /// Ends the process that has the disk open, if there is one: its commits that are under way fail, whether or not they
    /// are on the disk, and so do all later ones.
    pub fn crash(&self) {
        let mut state = self.state();
        if let Some(process) = state.process.take() {
            process.abort();
        }
        let Some(queue) = state.queue.take() else {
            return;
        };
        let lost = locked(&queue.commits).take().unwrap_or_default();
        let written = state.rng.usize(0..=lost.len());
        for commit in lost.into_iter().take(written) {
            state.apply(&commit);
        }
    }

    /// Writes the commits of a process until it crashes.
    async fn write_all(self, queue: Arc<Queue>) {
        loop {
            let waiting = locked(&queue.commits).as_ref().map_or(0, VecDeque::len);
            if waiting == 0 {
                queue.changed.notified().await;
                continue;
            }
            let time = SLOWEST_WRITE.mul_f64(self.state().rng.f64().powi(3));
            tokio::time::sleep(time).await;
            for _ in 0..waiting {
                let commit = locked(&queue.commits)
                    .as_mut()
                    .and_then(VecDeque::pop_front);
                // There is none if the process has just crashed.
                let Some(commit) = commit else { return };
                self.state().apply(&commit);
                // Nobody may wait any more.
                let _ = commit.done.send(());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    fn apply(&mut self, commit: &Commit) {
        for (key, value) in &commit.batch.changes {
            match value {
                Some(value) => self.pairs.insert(key.clone(), value.clone()),
                None => self.pairs.remove(key),
            };
        }
    }
}

/// The disk as one process has it open.
#[derive(Debug)]
struct Open {
    disk: SimulatedDisk,
    queue: Arc<Queue>,
}

impl Log for Open {
    fn load(&self) -> Result<Vec<Pair>, DiskError> {
        let pairs = self.disk.state().pairs.clone();
        Ok(pairs.into_iter().collect())
    }

    fn enqueue(&self, commit: Commit) {
        if let Some(commits) = &mut *locked(&self.queue.commits) {
            commits.push_back(commit);
            self.queue.changed.notify_one();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, DiskFailed};
    use super::*;

    fn value(disk: &Disk, key: &str) -> Option<u8> {
        let pairs = disk.load().expect("memory can be read");
        let mut pairs = pairs.into_iter();
        pairs.find_map(|(at, value)| (at == key.as_bytes()).then(|| value[0]))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_durable_survives_a_crash() {
        let machine = SimulatedDisk::new(1);
        let disk = machine.open();
        let written = disk.commit(Batch::new().put("a", [1]).put("b", [1]));
        written.await.expect("it is written");
        let changed = disk.commit(Batch::new().put("a", [2]).delete("b"));
        changed.await.expect("it is written");
        machine.crash();
        let disk = machine.open();
        assert_eq!(value(&disk, "a"), Some(2));
        assert_eq!(value(&disk, "b"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_commits_under_way_a_crash_keeps_some_in_order_and_fails_all() {
        let mut kept = [false; 4];
        for seed in 0..100 {
            let machine = SimulatedDisk::new(seed);
            let disk = machine.open();
            let commits = [1, 2, 3].map(|n| disk.commit(Batch::new().put(n.to_string(), [n])));
            machine.crash();
            for commit in commits {
                assert_eq!(commit.await, Err(DiskFailed));
            }
            let disk = machine.open();
            let there = ["1", "2", "3"].map(|key| value(&disk, key).is_some());
            assert!(there.is_sorted_by(|earlier, later| earlier >= later));
            kept[there.iter().filter(|is_there| **is_there).count()] = true;
        }
        assert_eq!(kept, [true; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_has_crashed_writes_nothing_any_more() {
        let machine = SimulatedDisk::new(1);
        let before = machine.open();
        let after = machine.open();
        let late = before.commit(Batch::new().put("a", [1]));
        assert_eq!(late.await, Err(DiskFailed));
        assert_eq!(value(&after, "a"), None);
    }
}
