//! A one-way call to all nodes, in flight.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;

use super::error::MulticastError;
use super::sending::Sending;
use crate::call::{CallOutcome, Watched, Withdrawal};
use crate::node_info::NodeError;
use crate::support::Panicked;
use crate::telemetry::CallSpan;

/// A one-way call to all nodes, in flight.
///
/// The future is ready once the transport has taken the request on every node, or failed on it. That says nothing about
/// whether a replica has handled the request, or ever will. If a node is at its
/// [limit](crate::ManagerBuilder::one_way_limit) of one-way calls, the request to it waits for room. The deadline bounds
/// the wait for room, for connections, and for the replicas.
///
/// # Methods that take a stream
///
/// All multicasts of such a method go to a node on one stream, in the order of their calls. The first one opens the
/// stream, which then stays open. Three things follow. Only the metadata of the multicast that opened the stream
/// reaches the replica. The deadline bounds the time until the transport has taken the request, and the replica does
/// not learn it. The limit applies to those multicasts of the method that the transport has not taken yet.
///
/// The stream ends when the connection breaks or the replica answers. Requests that the transport had taken and the
/// replica had not handled are then lost; those that it had not taken fail. Nothing is sent again; the next multicast
/// opens another stream. The node's [`last_error`](crate::Node::last_error) says how the stream ended.
///
/// # Cancel safety
///
/// Dropping it withdraws the request from the nodes where the transport has not taken it, unless
/// [`detach`](Self::detach) is used.
#[must_use = "dropping a multicast withdraws what is not sent yet; `detach` lets it go on"]
pub struct Multicast {
    method: &'static str,
    nodes: usize,
    sending: Vec<Sending>,
    failed: Vec<NodeError>,
    /// Set if a function of the caller panicked, so that nothing was sent.
    panicked: Option<Panicked>,
    span: CallSpan,
    watched: Watched,
    withdrawal: Withdrawal,
}

impl Multicast {
    /// A multicast whose requests are being sent, or could not be made.
    pub(super) fn new(
        method: &'static str,
        sending: Result<Vec<Sending>, Panicked>,
        span: CallSpan,
        watched: Watched,
        withdrawal: Withdrawal,
    ) -> Self {
        let (sending, panicked) = match sending {
            Ok(sending) => (sending, None),
            Err(panicked) => (Vec::new(), Some(panicked)),
        };
        Self {
            method,
            nodes: sending.len(),
            sending,
            failed: Vec::new(),
            panicked,
            span,
            watched,
            withdrawal,
        }
    }

    fn end(&mut self, outcome: CallOutcome) {
        self.span.end(outcome);
        self.watched.end(outcome);
    }

    /// Lets the call go on in the background. The request to a node that is at its limit of one-way calls is dropped.
    /// The call does not keep its nodes connected: it has two seconds to reach a node whose last handle is dropped.
    pub fn detach(mut self) {
        self.end(CallOutcome::Detached);
        for sending in self.sending {
            sending.detach();
        }
    }
}

impl Future for Multicast {
    type Output = Result<(), MulticastError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.sending
            .retain_mut(|sending| match sending.poll_sent(cx) {
                Poll::Pending => true,
                Poll::Ready(sent) => {
                    let status = sent.as_ref().map_err(NodeError::status);
                    this.watched.sent(sending.node_id(), status.copied());
                    this.failed.extend(sent.err());
                    false
                }
            });
        if !this.sending.is_empty() {
            ready!(this.withdrawal.poll_unpin(cx));
            let status = Withdrawal::status();
            for mut sending in this.sending.drain(..) {
                this.watched.sent(sending.node_id(), Err(&status));
                this.failed.push(sending.withdraw(status.clone()));
            }
        }
        if let Some(panicked) = this.panicked.take() {
            this.end(CallOutcome::Panicked);
            return Poll::Ready(Err(MulticastError::panicked(this.method, panicked)));
        }
        Poll::Ready(match std::mem::take(&mut this.failed) {
            failed if failed.is_empty() => {
                this.end(CallOutcome::Sent);
                Ok(())
            }
            failed => {
                this.end(CallOutcome::Failed);
                Err(MulticastError::not_sent(this.method, this.nodes, failed))
            }
        })
    }
}

impl fmt::Debug for Multicast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multicast")
            .field("method", &self.method)
            .field("sending", &self.sending)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
