//! The table of a manager's connections.

use std::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "metrics")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio::sync::watch;
use tonic::Status;

use crate::identity::NodeId;

/// Why calls fail on a node that its manager has no longer.
pub(crate) const REMOVED: &str = "the node was removed";

/// Why calls fail on a client that is no longer connected.
pub(crate) const DISCONNECTED: &str = "the client has disconnected";

/// Whether each node of a manager is connected. Clones share the table.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<watch::Sender<Table>>);

/// One row per node.
#[derive(Debug)]
pub(super) struct Table {
    /// Why nodes that are no longer in the table are not connected.
    pub(super) reason: &'static str,
    pub(super) rows: BTreeMap<NodeId, Row>,
    /// Counts all changes of all rows.
    pub(super) clock: u64,
}

impl Table {
    pub(super) fn connected(&self) -> BTreeSet<NodeId> {
        let connected = self.rows.iter().filter(|(_, row)| row.is_connected);
        connected.map(|(&id, _)| id).collect()
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

/// What the table says about one node.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// When the node was added, by the table's clock: an id that is used again belongs to another node.
    added: u64,
    pub(super) address: Arc<str>,
    pub(super) is_connected: bool,
    /// When that changed last, by the table's clock.
    pub(super) changed: u64,
    /// When that changed last.
    pub(super) since: SystemTime,
    pub(super) last_failure: Option<Status>,
}

impl Connections {
    /// The nodes of a manager, which are there until they are removed.
    pub(crate) fn of_manager() -> Self {
        Self::new(REMOVED)
    }

    /// The clients of a server, which are there while they are connected.
    pub(crate) fn of_clients() -> Self {
        Self::new(DISCONNECTED)
    }

    fn new(reason: &'static str) -> Self {
        Self(Arc::new(watch::Sender::new(Table {
            reason,
            rows: BTreeMap::new(),
            clock: 0,
        })))
    }

    /// Creates the row of a node. It is not in the table yet.
    pub(crate) fn row(&self, id: NodeId, address: Arc<str>) -> ConnectionRow {
        ConnectionRow {
            connections: self.clone(),
            id,
            address,
            added: OnceLock::new(),
            #[cfg(feature = "metrics")]
            counts: ConnectionCounts::default(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Table> {
        self.0.subscribe()
    }
}

/// One node's row, for whoever runs its connection.
#[derive(Debug)]
pub(crate) struct ConnectionRow {
    connections: Connections,
    id: NodeId,
    address: Arc<str>,
    /// When the row was added. Unset before that.
    added: OnceLock<u64>,
    #[cfg(feature = "metrics")]
    counts: ConnectionCounts,
}

/// How often a node was connected to.
#[cfg(feature = "metrics")]
#[derive(Debug, Default)]
struct ConnectionCounts {
    opened: AtomicU64,
    failed: AtomicU64,
}

/// Whether a node is connected, and how often it was connected to.
#[cfg(feature = "metrics")]
pub(crate) struct ConnectionTally {
    pub(crate) is_connected: bool,
    pub(crate) opened: u64,
    /// How many connections, and attempts to connect, failed.
    pub(crate) failed: u64,
}

impl ConnectionRow {
    /// Adds the row to the table: the manager has the node now, and no other with its id.
    pub(crate) fn add(&self) {
        self.connections.0.send_modify(|table| {
            let added = table.tick();
            if self.added.set(added).is_err() {
                return;
            }
            let row = Row {
                added,
                address: Arc::clone(&self.address),
                is_connected: false,
                changed: added,
                since: SystemTime::now(),
                last_failure: None,
            };
            table.rows.insert(self.id, row);
        });
    }

    /// Notes that the node is connected.
    pub(crate) fn open(&self) {
        #[cfg(feature = "metrics")]
        self.counts.opened.fetch_add(1, Ordering::Relaxed);
        self.change(|row| row.is_connected = true);
    }

    /// Notes that the connection, or an attempt to connect, failed.
    pub(crate) fn fail(&self, status: &Status) {
        #[cfg(feature = "metrics")]
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        self.change(|row| {
            row.is_connected = false;
            row.last_failure = Some(status.clone());
        });
    }

    /// Whether the node is connected, and how often it was connected to.
    #[cfg(feature = "metrics")]
    pub(crate) fn tally(&self) -> ConnectionTally {
        let table = self.connections.0.borrow();
        let row = table.rows.get(&self.id).filter(|row| self.is(row));
        ConnectionTally {
            is_connected: row.is_some_and(|row| row.is_connected),
            opened: self.counts.opened.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
        }
    }

    /// Notes that the node has another address, where it is not connected yet.
    pub(crate) fn move_to(&self, address: Arc<str>) {
        self.change(|row| row.address = address);
    }

    /// Removes the row.
    pub(crate) fn remove(&self) {
        self.connections.0.send_if_modified(|table| {
            let is_here = table.rows.get(&self.id).is_some_and(|row| self.is(row));
            if is_here {
                table.rows.remove(&self.id);
                table.tick();
            }
            is_here
        });
    }

    /// Changes the row, and notifies listeners if the node was connected or disconnected by that.
    fn change(&self, change: impl FnOnce(&mut Row)) {
        self.connections.0.send_if_modified(|table| {
            let Table { rows, clock, .. } = table;
            let Some(row) = rows.get_mut(&self.id).filter(|row| self.is(row)) else {
                return false;
            };
            let was_connected = row.is_connected;
            change(row);
            let has_changed = row.is_connected != was_connected;
            if has_changed {
                *clock += 1;
                row.changed = *clock;
                row.since = SystemTime::now();
            }
            has_changed
        });
    }

    /// Whether `row` is this one, and not that of another node that was given the id later.
    fn is(&self, row: &Row) -> bool {
        self.added.get() == Some(&row.added)
    }
}
