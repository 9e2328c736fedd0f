//! A request on its way.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tonic::Status;
use tracing::Instrument;

use crate::Node;
use crate::deadline::Deadline;
use crate::grpc::{EncodedRequest, HandedOver, Receipt};
use crate::node_error::NodeError;

/// A request on its way to one node's connection.
pub(super) struct Sending {
    node: Node,
    start: Instant,
    sent: oneshot::Receiver<HandedOver>,
    /// Whether the node had room for the request when it was made.
    had_room: bool,
    /// None once the request is sent, or nobody waits for that.
    withdraw: Option<AbortHandle>,
}

impl Sending {
    pub(super) fn start(node: Node, request: EncodedRequest, deadline: Deadline) -> Self {
        let (receipt, sent) = Receipt::new();
        let call = request.send_one_way(node.link(), receipt.clone());
        let room = Arc::clone(node.one_way_room());
        let place = Arc::clone(&room).try_acquire_owned().ok();
        let had_room = place.is_some();
        let call = async move {
            let _place = match place {
                Some(place) => Some(place),
                // The semaphore is never closed.
                None => room.acquire_owned().await.ok(),
            };
            call.await
        };
        let (called, start) = (node.clone(), Instant::now());
        let call = async move {
            let outcome = match deadline.instant() {
                Some(at) => tokio::time::timeout_at(at, call)
                    .await
                    .unwrap_or_else(|_| Err(Deadline::exceeded())),
                None => call.await,
            };
            // What becomes of a request that was handed over is nobody's concern.
            if let Err(status) = outcome.map_err(|status| called.explain(status))
                && receipt.sign(Err(status.clone()))
            {
                called.fail(start, status);
            }
        };
        let withdraw = node.tasks().start(call.in_current_span());
        Self {
            node,
            start,
            sent,
            had_room,
            withdraw: Some(withdraw),
        }
    }

    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NodeError>> {
        let sent = ready!(self.sent.poll_unpin(cx)).unwrap_or_else(|_| Err(self.node.ended()));
        self.withdraw = None;
        Poll::Ready(sent.map_err(|status| NodeError::new(&self.node, status)))
    }

    /// Lets the call go on, or drops and reports it if it would have to wait for room.
    pub(super) fn detach(mut self) {
        if !self.had_room && !self.is_sent() {
            let limit = self.node.one_way_limit();
            self.node.fail(self.start, Status::resource_exhausted(format!(
                "a one-way call was dropped: {limit} are under way, which is the limit (one_way_limit)"
            )));
            return;
        }
        self.withdraw = None;
    }

    /// Whether the request is handed over, or could not be.
    fn is_sent(&mut self) -> bool {
        !matches!(
            self.sent.try_recv(),
            Err(oneshot::error::TryRecvError::Empty)
        )
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(withdraw) = self.withdraw.take()
            && !self.is_sent()
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
