//! The errors of nodes, as they occur.

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::node_error::NodeError;
use crate::identity::NodeId;
use crate::support::Tasks;

/// The errors of nodes from now on: a stream that ends when the manager closes.
/// [`Manager::node_errors`](crate::Manager::node_errors) and
/// [`Configuration::node_errors`](crate::Configuration::node_errors) create it.
///
/// Each call that fails on a node adds an error here, besides the one that its caller gets. Some callers get none:
/// those of one-way calls that could not be sent or were dropped for lack of room, and of decided calls that later fail
/// on a node. Calls that their callers withdraw add no error.
///
/// The stream is for monitoring, not for accounting: at most [`CAPACITY`](Self::CAPACITY) errors wait for a listener,
/// and beyond that the oldest is lost. [`missed`](Self::missed) counts those. The waiting errors are bounded in
/// [bytes](Self::CAPACITY_BYTES), too.
///
/// ```no_run
/// # async fn example(manager: gorums_runtime::Manager) {
/// use futures::StreamExt;
///
/// let mut errors = manager.node_errors();
/// while let Some(error) = errors.next().await {
///     eprintln!("{error} ({} missed so far)", errors.missed());
/// }
/// # }
/// ```
///
/// # Cancel safety
///
/// The stream may be polled, left and polled again.
#[must_use = "errors are missed unless the stream is polled"]
pub struct NodeErrors {
    errors: BroadcastStream<Report>,
    /// The nodes to report on; `None` means all.
    nodes: Option<HashSet<NodeId>>,
    missed: u64,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl NodeErrors {
    /// The most errors that wait for a listener.
    pub const CAPACITY: usize = 1024;

    /// The most bytes of complete errors that wait for listeners. Beyond that, a new error is reduced to its code and
    /// the beginning and end of its message.
    pub const CAPACITY_BYTES: usize = 4 * 1024 * 1024;

    /// How many errors, of any node, were lost because the stream was not polled in time.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The errors of these nodes only.
    pub(crate) fn of(self, nodes: impl Iterator<Item = NodeId>) -> Self {
        Self {
            nodes: Some(nodes.collect()),
            ..self
        }
    }

    fn concerns(&self, error: &NodeError) -> bool {
        let nodes = self.nodes.as_ref();
        nodes.is_none_or(|nodes| nodes.contains(&error.node_id()))
    }
}

impl Stream for NodeErrors {
    type Item = NodeError;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Poll::Ready(next) = self.errors.poll_next_unpin(cx) {
            match next {
                Some(Ok(Report { error, .. })) if self.concerns(&error) => {
                    return Poll::Ready(Some(error));
                }
                Some(Ok(_)) => {}
                Some(Err(BroadcastStreamRecvError::Lagged(missed))) => self.missed += missed,
                None => return Poll::Ready(None),
            }
        }
        ready!(self.closing.poll_unpin(cx));
        Poll::Ready(None)
    }
}

impl fmt::Debug for NodeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeErrors")
            .field("nodes", &self.nodes)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

/// Where the nodes of one manager report their errors.
#[derive(Clone)]
pub(crate) struct Reports {
    ring: broadcast::Sender<Report>,
    /// The total size of the errors in the ring, in bytes.
    waiting: Arc<AtomicUsize>,
}

/// An error in the ring.
#[derive(Clone)]
struct Report {
    error: NodeError,
    /// Held to be dropped.
    _room: Arc<Room>,
}

/// The bytes that an error occupies while it is in the ring.
struct Room {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Reports {
    pub(crate) fn new() -> Self {
        Self {
            ring: broadcast::Sender::new(NodeErrors::CAPACITY),
            waiting: Arc::default(),
        }
    }

    /// Reports the error that `make` creates to all listeners, if there are any.
    pub(crate) fn report(&self, make: impl FnOnce() -> NodeError) {
        if self.ring.receiver_count() > 0 {
            // Fails only if the last listener has just left.
            let _ = self.ring.send(self.take_in(make()));
        }
    }

    fn take_in(&self, mut error: NodeError) -> Report {
        let mut bytes = error.size();
        // Concurrent reports may exceed the bound by one error each.
        if self.waiting.load(Ordering::Relaxed) + bytes > NodeErrors::CAPACITY_BYTES {
            error.shorten();
            bytes = error.size();
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Arc::clone(&self.waiting);
        Report {
            error,
            _room: Arc::new(Room { bytes, waiting }),
        }
    }

    /// Returns the errors that are reported from now on, until `tasks` end.
    pub(crate) fn listen(&self, tasks: &Tasks) -> NodeErrors {
        NodeErrors {
            errors: BroadcastStream::new(self.ring.subscribe()),
            nodes: None,
            missed: 0,
            closing: Box::pin(tasks.closed().clone().cancelled_owned()),
        }
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use tokio::task::unconstrained;
    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn what_waits_for_a_listener_is_bounded_in_bytes() {
        let reports = Reports::new();
        let tasks_end = tokio_util::sync::CancellationToken::new();
        let mut listener = NodeErrors {
            errors: BroadcastStream::new(reports.ring.subscribe()),
            nodes: None,
            missed: 0,
            closing: Box::pin(tasks_end.cancelled_owned()),
        };
        const DETAILS: usize = 16 * 1024;
        for round in 0..3 {
            for _ in 0..NodeErrors::CAPACITY {
                let details = Bytes::from(vec![7; DETAILS]);
                let status = Status::with_details(Code::Internal, "x".repeat(4000), details);
                reports.report(|| NodeError::new(NodeId::new(1), "10.0.0.1:4000".into(), status));
            }
            let waiting = reports.waiting.load(Ordering::Relaxed);
            let shortened = NodeErrors::CAPACITY * 512;
            assert!(
                waiting <= NodeErrors::CAPACITY_BYTES + shortened,
                "{round}: {waiting}"
            );
        }
        let mut next = || unconstrained(listener.next()).now_or_never().flatten();
        let read: Vec<_> = std::iter::from_fn(&mut next).collect();
        assert_eq!(read.len(), NodeErrors::CAPACITY);
        assert!(read.iter().all(|error| error.code() == Code::Internal));
        assert!(reports.waiting.load(Ordering::Relaxed) < NodeErrors::CAPACITY_BYTES);
        // There is room again.
        let details = Bytes::from(vec![7; DETAILS]);
        let status = Status::with_details(Code::Internal, "", details);
        reports.report(|| NodeError::new(NodeId::new(1), "10.0.0.1:4000".into(), status));
        let full = next().expect("an error");
        assert_eq!(full.status().details().len(), DETAILS);
    }
}
