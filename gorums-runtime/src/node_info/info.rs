//! What a node shares with its connection and its streams.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::time::Instant;
use tonic::{Code, Status};

use super::connections::ConnectionRow;
use super::node_error::NodeError;
use super::node_errors::Reports;
use super::observations::Observations;
use crate::call::{MessageOptions, Transport};
use crate::identity::{NodeAddress, NodeId};
use crate::status::bounded;
use crate::support::Tasks;
use crate::telemetry;

/// What one node shares with its connection and its streams.
#[derive(Debug)]
pub(crate) struct NodeInfo {
    pub(crate) id: NodeId,
    /// Where it is now.
    address: RwLock<Arc<NodeAddress>>,
    /// How calls travel to the node.
    pub(crate) transport: Transport,
    /// How messages to and from the node are sent, as with all nodes of its manager.
    pub(crate) messages: Arc<MessageOptions>,
    /// Where the nodes of the manager report their errors.
    pub(crate) reports: Reports,
    pub(crate) observations: Observations,
    /// Whether the node is connected, for whoever asks the manager.
    pub(crate) connection: ConnectionRow,
    /// The node's background work.
    pub(crate) tasks: Tasks,
    /// Why the node was removed. Unset before that.
    removed: OnceLock<&'static str>,
    /// Whether the last handle to the node was dropped, so that its failures interest nobody.
    dropped: AtomicBool,
}

impl NodeInfo {
    pub(crate) fn new(
        address: NodeAddress,
        transport: Transport,
        messages: Arc<MessageOptions>,
        reports: Reports,
        connection: ConnectionRow,
        tasks: Tasks,
    ) -> Self {
        let observations = Observations::new(messages.meter.node(&address));
        Self {
            id: address.id,
            address: RwLock::new(Arc::new(address)),
            transport,
            messages,
            reports,
            observations,
            connection,
            tasks,
            removed: OnceLock::new(),
            dropped: AtomicBool::new(false),
        }
    }

    /// The node's id, and where it is now.
    pub(crate) fn address(&self) -> Arc<NodeAddress> {
        Arc::clone(&self.address.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that the node is at another address from now on.
    pub(crate) fn move_to(&self, address: NodeAddress) {
        self.connection.move_to(Arc::clone(&address.name));
        self.observations.meter().move_to(&address);
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(address);
    }

    /// Records and reports that a call that was sent at `sent` failed. Returns the status that its caller gets.
    pub(crate) fn fail(&self, sent: Instant, status: Status) -> Status {
        let status = bounded(self.explain(status));
        if self.dropped.load(Ordering::SeqCst) {
            return status;
        }
        telemetry::failed(&self.address(), sent.elapsed(), &status);
        self.observations.fail(status.clone());
        self.reports.report(|| self.error(status.clone()));
        status
    }

    /// The error of a call that failed on the node.
    pub(crate) fn error(&self, status: Status) -> NodeError {
        NodeError::new(self.id, Arc::clone(&self.address().name), status)
    }

    /// The status of a failed call: if this side closed the node's connection, it says so.
    pub(crate) fn explain(&self, status: Status) -> Status {
        match status.code() {
            Code::Unavailable if self.is_closed() => self.ended(),
            _ => status,
        }
    }

    /// Whether this side has closed the node's connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.tasks.closed().is_cancelled()
    }

    /// The status of calls once the node's background work has ended.
    pub(crate) fn ended(&self) -> Status {
        Status::unavailable(*self.removed.get().unwrap_or(&"the manager is closed"))
    }

    /// Ends the recording and reporting of failures: the last handle to the node is dropped.
    pub(crate) fn drop_handle(&self) {
        self.dropped.store(true, Ordering::SeqCst);
    }

    /// Closes the node's connection for good, for the `reason` given, which calls on it fail with.
    pub(crate) fn remove(&self, reason: &'static str) {
        let _ = self.removed.set(reason);
        self.connection.remove();
        self.tasks.close();
    }
}
