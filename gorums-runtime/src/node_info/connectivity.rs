//! Which nodes are connected.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::connections::{Connections, Row, Table};
use crate::identity::NodeId;

/// Which nodes of a manager are connected, and since when. [`Manager::connectivity`](crate::Manager::connectivity)
/// creates it.
///
/// A node is connected while its [node stream](crate::Transport::NodeStream) is open. A manager opens the stream with
/// the first call, or at once with [`keep_connected`](crate::ManagerBuilder::keep_connected). Connectivity says nothing
/// about membership: a configuration has all its nodes, whether they are connected or not.
///
/// A cheap handle, which does not keep nodes connected. It follows nodes that are added and removed.
///
/// ```no_run
/// # async fn example(manager: gorums_runtime::Manager) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// let connectivity = manager.connectivity();
/// tokio::time::timeout(Duration::from_secs(10), connectivity.wait_for(2)).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connectivity {
    table: watch::Receiver<Table>,
    closed: CancellationToken,
}

/// Whether a node is connected, since when, and why its connection failed last.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeConnectivity {
    /// The node's id.
    pub node_id: NodeId,
    /// The node's address as it was given.
    pub address: String,
    /// Whether the node is connected.
    pub is_connected: bool,
    /// Since when it is connected or disconnected.
    pub since: SystemTime,
    /// Why the latest connection, or attempt to connect, failed. A success does not clear it.
    pub last_failure: Option<Status>,
}

/// A change of a node's connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectivityEvent {
    /// The node is connected.
    #[non_exhaustive]
    Connected {
        /// The node's id.
        node_id: NodeId,
        /// The node's address as it was given.
        address: String,
    },
    /// The node is no longer connected.
    #[non_exhaustive]
    Disconnected {
        /// The node's id.
        node_id: NodeId,
        /// The node's address as it was given.
        address: String,
        /// Why.
        reason: Status,
    },
}

impl ConnectivityEvent {
    /// The id of the node whose connection has changed.
    pub fn node_id(&self) -> NodeId {
        match self {
            Self::Connected { node_id, .. } | Self::Disconnected { node_id, .. } => *node_id,
        }
    }

    /// Whether the node is connected now.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }
}

/// The manager or system was closed while a condition on its nodes was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the manager was closed before enough nodes were connected")]
pub struct Closed;

impl Connectivity {
    pub(crate) fn new(connections: &Connections, closed: CancellationToken) -> Self {
        Self {
            table: connections.subscribe(),
            closed,
        }
    }

    /// Returns the state of each node, in the order of their ids.
    pub fn nodes(&self) -> Vec<NodeConnectivity> {
        let table = self.table.borrow();
        let state = |(&node_id, row): (&NodeId, &Row)| NodeConnectivity {
            node_id,
            address: row.address.to_string(),
            is_connected: row.is_connected,
            since: row.since,
            last_failure: row.last_failure.clone(),
        };
        table.rows.iter().map(state).collect()
    }

    /// Returns the ids of the nodes that are connected now.
    pub fn connected(&self) -> BTreeSet<NodeId> {
        self.table.borrow().connected()
    }

    /// Returns whether the node is connected now.
    pub fn is_connected(&self, id: NodeId) -> bool {
        let table = self.table.borrow();
        table.rows.get(&id).is_some_and(|row| row.is_connected)
    }

    /// Waits until at least `nodes` nodes are connected at once. In a system, these include the process itself.
    ///
    /// # Errors
    ///
    /// If the manager is closed first.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; `tokio::time::timeout` sets a deadline.
    pub async fn wait_for(&self, nodes: usize) -> Result<(), Closed> {
        self.wait_until(|connected| connected.len() >= nodes).await
    }

    /// Waits until `condition` holds for the ids of the connected nodes.
    ///
    /// # Errors
    ///
    /// If the manager is closed first.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; `tokio::time::timeout` sets a deadline.
    pub async fn wait_until(
        &self,
        mut condition: impl FnMut(&BTreeSet<NodeId>) -> bool,
    ) -> Result<(), Closed> {
        let mut table = self.table.clone();
        loop {
            if self.closed.is_cancelled() {
                return Err(Closed);
            }
            let connected = table.borrow_and_update().connected();
            if condition(&connected) {
                return Ok(());
            }
            tokio::select! {
                () = self.closed.cancelled() => return Err(Closed),
                changed = table.changed() => changed.map_err(|_| Closed)?,
            }
        }
    }

    /// Returns the changes as a stream, which begins with an event for each node that is connected now.
    ///
    /// Any number of listeners have streams of their own. A listener that polls rarely misses no final state: of
    /// several changes of one node it gets the last, preceded by the opposite one if the node was as it is now.
    pub fn events(&self) -> ConnectivityEvents {
        let listener = Listener {
            table: self.table.clone(),
            closed: self.closed.clone(),
            seen: BTreeMap::new(),
            pending: VecDeque::new(),
        };
        let events = futures::stream::unfold(listener, |mut listener| async move {
            let event = listener.next().await?;
            Some((event, listener))
        });
        ConnectivityEvents(events.fuse().boxed())
    }
}

impl fmt::Debug for Connectivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connectivity")
            .field("connected", &self.connected())
            .finish_non_exhaustive()
    }
}

/// The changes of nodes' connections, in order. Ends after the manager is closed. [`Connectivity::events`] creates it.
///
/// # Cancel safety
///
/// The stream may be polled, left and polled again.
#[must_use = "a stream does nothing unless it is polled"]
pub struct ConnectivityEvents(BoxStream<'static, ConnectivityEvent>);

impl Stream for ConnectivityEvents {
    type Item = ConnectivityEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for ConnectivityEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectivityEvents").finish_non_exhaustive()
    }
}

/// Compares the table with what its listener has been told.
struct Listener {
    table: watch::Receiver<Table>,
    closed: CancellationToken,
    /// The rows that the listener knows.
    seen: BTreeMap<NodeId, Row>,
    pending: VecDeque<ConnectivityEvent>,
}

impl Listener {
    async fn next(&mut self) -> Option<ConnectivityEvent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            let is_closed = self.closed.is_cancelled();
            let any_connected = self.compare();
            if !self.pending.is_empty() {
                continue;
            }
            if is_closed && !any_connected {
                return None;
            }
            tokio::select! {
                changed = self.table.changed() => changed.ok()?,
                () = self.closed.cancelled(), if !is_closed => {}
            }
        }
    }

    /// Adds the events that lead from what the listener knows to what there is now. Returns whether any node is
    /// connected.
    fn compare(&mut self) -> bool {
        let table = self.table.borrow_and_update();
        let mut changes = Vec::new();
        for (id, seen) in &self.seen {
            if !table.rows.contains_key(id) && seen.is_connected {
                let removed = Status::unavailable(table.reason);
                changes.push((table.clock, disconnected(*id, seen, Some(removed))));
            }
        }
        for (&id, row) in &table.rows {
            let seen = self.seen.get(&id);
            let was_connected = seen.is_some_and(|seen| seen.is_connected);
            if seen.is_some_and(|seen| seen.changed == row.changed) {
                continue;
            }
            match (was_connected, row.is_connected) {
                (false, false) => {}
                (false, true) => changes.push((row.changed, connected(id, row))),
                (true, false) => changes.push((row.changed, disconnected(id, row, None))),
                (true, true) => {
                    changes.push((row.changed, disconnected(id, row, None)));
                    changes.push((row.changed, connected(id, row)));
                }
            }
        }
        // A stable sort: both events of one row stay in their order.
        changes.sort_by_key(|(changed, _)| *changed);
        self.pending
            .extend(changes.into_iter().map(|(_, event)| event));
        self.seen.clone_from(&table.rows);
        table.rows.values().any(|row| row.is_connected)
    }
}

fn connected(node_id: NodeId, row: &Row) -> ConnectivityEvent {
    ConnectivityEvent::Connected {
        node_id,
        address: row.address.to_string(),
    }
}

fn disconnected(node_id: NodeId, row: &Row, reason: Option<Status>) -> ConnectivityEvent {
    let reason = reason.or_else(|| row.last_failure.clone());
    ConnectivityEvent::Disconnected {
        node_id,
        address: row.address.to_string(),
        reason: reason.unwrap_or_else(|| Status::unavailable("the node ended the stream")),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::task::unconstrained;

    use super::super::connections::ConnectionRow;
    use super::*;

    struct Fixture {
        connections: Connections,
        closed: CancellationToken,
        connectivity: Connectivity,
    }

    fn fixture() -> Fixture {
        let connections = Connections::of_manager();
        let closed = CancellationToken::new();
        Fixture {
            connectivity: Connectivity::new(&connections, closed.clone()),
            connections,
            closed,
        }
    }

    fn add(connections: &Connections, id: u32) -> ConnectionRow {
        let row = connections.row(NodeId::new(id), "a:1".into());
        row.add();
        row
    }

    /// The events that are ready: a node's id, negative if it is disconnected.
    fn ready(events: &mut ConnectivityEvents) -> Vec<i64> {
        let mut next = || unconstrained(events.next()).now_or_never().flatten();
        let ids = std::iter::from_fn(&mut next).map(|event| {
            let id = i64::from(event.node_id().get());
            if event.is_connected() { id } else { -id }
        });
        ids.collect()
    }

    fn broken() -> Status {
        Status::unavailable("the connection broke")
    }

    #[test]
    fn each_listener_gets_all_events_in_order_and_a_late_one_the_present_state_first() {
        let Fixture {
            connections,
            connectivity,
            ..
        } = fixture();
        let rows = [1, 2, 3].map(|id| add(&connections, id));
        let mut early = connectivity.events();
        rows[2].open();
        rows[0].open();
        assert_eq!(ready(&mut early), [3, 1]);
        let mut late = connectivity.events();
        rows[2].fail(&broken());
        rows[1].open();
        assert_eq!(ready(&mut early), [-3, 2]);
        assert_eq!(ready(&mut late), [1, 2]);
        assert!(connectivity.is_connected(NodeId::new(2)));
        assert!(!connectivity.is_connected(NodeId::new(3)));
        let third = &connectivity.nodes()[2];
        let failure = third.last_failure.as_ref().expect("it failed");
        assert_eq!(failure.message(), "the connection broke");
    }

    #[test]
    fn a_listener_that_polls_rarely_gets_the_final_state() {
        let Fixture {
            connections,
            connectivity,
            ..
        } = fixture();
        let row = add(&connections, 1);
        let mut events = connectivity.events();
        for _ in 0..10 {
            row.open();
            row.fail(&broken());
        }
        assert!(ready(&mut events).is_empty());
        row.open();
        assert_eq!(ready(&mut events), [1]);
        for _ in 0..10 {
            row.fail(&broken());
            row.open();
        }
        assert_eq!(ready(&mut events), [-1, 1]);
        row.fail(&broken());
        assert_eq!(ready(&mut events), [-1]);
    }

    #[test]
    fn a_node_that_is_removed_is_disconnected_and_its_old_handle_changes_nothing() {
        let Fixture {
            connections,
            connectivity,
            ..
        } = fixture();
        let old = add(&connections, 1);
        old.open();
        let mut events = connectivity.events();
        assert_eq!(ready(&mut events), [1]);
        old.remove();
        let new = add(&connections, 1);
        old.open();
        assert!(!connectivity.is_connected(NodeId::new(1)));
        assert_eq!(ready(&mut events), [-1]);
        new.open();
        old.fail(&broken());
        old.remove();
        assert!(connectivity.is_connected(NodeId::new(1)));
        assert_eq!(ready(&mut events), [1]);
    }

    #[test]
    fn events_end_after_the_manager_is_closed_and_its_nodes_are_disconnected() {
        let Fixture {
            connections,
            closed,
            connectivity,
        } = fixture();
        let row = add(&connections, 1);
        row.open();
        let mut events = connectivity.events();
        assert_eq!(ready(&mut events), [1]);
        closed.cancel();
        assert!(unconstrained(events.next()).now_or_never().is_none());
        row.fail(&Status::unavailable("the manager is closed"));
        assert_eq!(ready(&mut events), [-1]);
        assert!(
            unconstrained(events.next())
                .now_or_never()
                .flatten()
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_wait_ends_when_its_condition_holds_and_fails_when_the_manager_is_closed() {
        let Fixture {
            connections,
            closed,
            connectivity,
        } = fixture();
        let rows = [1, 2].map(|id| add(&connections, id));
        assert_eq!(connectivity.wait_for(0).await, Ok(()));
        let waiting = connectivity.wait_for(2);
        let connecting = async {
            for row in &rows {
                tokio::task::yield_now().await;
                row.open();
            }
        };
        let (waited, ()) = tokio::join!(waiting, connecting);
        assert_eq!(waited, Ok(()));
        let closing = async {
            tokio::task::yield_now().await;
            closed.cancel();
        };
        let (waited, ()) = tokio::join!(connectivity.wait_for(3), closing);
        assert_eq!(waited, Err(Closed));
        assert_eq!(connectivity.wait_for(0).await, Err(Closed));
    }
}
