//! The errors of nodes, as they occur.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::tasks::Tasks;
use crate::{Configuration, NodeError};

/// The errors of nodes from now on: a stream that ends when the manager closes. Made by
/// [`Manager::node_errors`](crate::Manager::node_errors) and
/// [`Configuration::node_errors`](crate::Configuration::node_errors).
///
/// Each call that fails on a node gives an error here, besides the one that its caller gets, and so do those whose
/// caller gets none: one-way calls that could not be sent or were dropped for lack of room, and decided calls that go
/// on at nodes which then fail. A call that its caller withdraws gives none.
///
/// The stream is for watching, not for accounting: at most [`CAPACITY`](Self::CAPACITY) errors wait for a listener,
/// and beyond that the oldest is missed. [`missed`](Self::missed) tells how many were.
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
    errors: BroadcastStream<NodeError>,
    /// Whose errors they are, unless they are those of all nodes.
    configuration: Option<Configuration>,
    missed: u64,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl NodeErrors {
    /// How many errors wait for a listener that does not poll.
    pub const CAPACITY: usize = 1024;

    /// How many errors were missed because the stream was not polled in time, whatever the nodes they were of.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The errors of the nodes of `configuration` alone.
    pub(crate) fn of(self, configuration: Configuration) -> Self {
        Self {
            configuration: Some(configuration),
            ..self
        }
    }

    fn concerns(&self, error: &NodeError) -> bool {
        self.configuration
            .as_ref()
            .is_none_or(|configuration| configuration.contains(error.node()))
    }
}

impl Stream for NodeErrors {
    type Item = NodeError;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Poll::Ready(next) = self.errors.poll_next_unpin(cx) {
            match next {
                Some(Ok(error)) if self.concerns(&error) => return Poll::Ready(Some(error)),
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
            .field("configuration", &self.configuration)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

/// Where the nodes of one manager report their errors.
#[derive(Clone, Debug)]
pub(crate) struct Reports(broadcast::Sender<NodeError>);

impl Reports {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(NodeErrors::CAPACITY))
    }

    /// Tells all listeners of the error that `make` makes, if there is any listener.
    pub(crate) fn report(&self, make: impl FnOnce() -> NodeError) {
        if self.0.receiver_count() > 0 {
            // The last listener may just have left.
            let _ = self.0.send(make());
        }
    }

    /// The errors that are reported from now on, until `tasks` end.
    pub(crate) fn listen(&self, tasks: &Tasks) -> NodeErrors {
        NodeErrors {
            errors: BroadcastStream::new(self.0.subscribe()),
            configuration: None,
            missed: 0,
            closing: Box::pin(tasks.closed().clone().cancelled_owned()),
        }
    }
}
