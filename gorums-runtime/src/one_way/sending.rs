//! A request on its way.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tonic::Status;

use crate::Node;
use crate::deadline::Deadline;
use crate::grpc::{EncodedRequest, HandedOver, Receipt};
use crate::node_error::NodeError;

/// A request on its way to one node's connection.
pub(super) struct Sending {
    node: Node,
    deadline: Deadline,
    sent: oneshot::Receiver<HandedOver>,
    /// Whether the node had room for the request when it was made.
    had_room: bool,
    /// None once the request is sent, or nobody waits for that.
    withdraw: Option<AbortHandle>,
}

impl Sending {
    pub(super) fn start(node: Node, request: EncodedRequest, deadline: Deadline) -> Self {
        let (receipt, sent) = Receipt::new();
        let call = request.send_one_way(node.link(), receipt);
        let room = Arc::clone(node.one_way_room());
        let place = Arc::clone(&room).try_acquire_owned().ok();
        let had_room = place.is_some();
        let call = async move {
            let _place = match place {
                Some(place) => Some(place),
                // The semaphore is never closed.
                None => room.acquire_owned().await.ok(),
            };
            call.await;
        };
        let withdraw = node.tasks().start(async move {
            match deadline.instant() {
                // The error says that the call is late: its own drop is what withdraws it.
                Some(at) => drop(tokio::time::timeout_at(at, call).await),
                None => call.await,
            }
        });
        Self {
            node,
            deadline,
            sent,
            had_room,
            withdraw: Some(withdraw),
        }
    }

    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NodeError>> {
        let sent = ready!(self.sent.poll_unpin(cx)).unwrap_or_else(|_| Err(self.withdrawn()));
        self.withdraw = None;
        Poll::Ready(sent.map_err(|status| NodeError::new(&self.node, status)))
    }

    /// Why the request was given up before a connection took it.
    fn withdrawn(&self) -> Status {
        if self.deadline.has_passed() {
            Deadline::exceeded()
        } else {
            Status::unavailable("the manager is closed")
        }
    }

    /// Lets the call go on, or drops it if it would have to wait for room.
    pub(super) fn detach(mut self) {
        if self.had_room {
            self.withdraw = None;
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(withdraw) = &self.withdraw
            && matches!(
                self.sent.try_recv(),
                Err(oneshot::error::TryRecvError::Empty)
            )
        {
            withdraw.abort();
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(&self.node.id()).finish()
    }
}
