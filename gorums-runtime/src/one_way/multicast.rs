//! A one-way call to all nodes under way.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::MulticastError;
use super::sending::Sending;
use crate::node_info::NodeError;
use crate::support::Panicked;
use crate::telemetry::{CallSpan, Outcome};

/// A one-way call to all nodes, which was sent when it was made.
///
/// Awaiting it waits until the request is handed to the transport on every node, each on its own: a connection has
/// taken it, or there is none. Whether a replica has handled it, or ever will, it does not tell. A node at its
/// [limit](crate::ManagerBuilder::one_way_limit) of one-way calls makes this one wait for room. The deadline holds
/// while waiting for room, for connections, and for the replicas.
///
/// # Methods that take a stream
///
/// All multicasts of such a method go to a node on one stream, in the order in which they were made. It is opened by
/// the first of them and kept open. Therefore only the metadata of the multicast that opened the stream reaches the
/// replica, the deadline holds until the request is handed over and does not travel, and the limit is on the
/// multicasts of the method that are not handed over.
///
/// When the stream ends, because the connection broke or the replica answered, what was handed over and not handled is
/// lost, and what was not handed over fails. Nothing is sent again; the next multicast opens a new stream. How the
/// stream ended is the node's [`last_error`](crate::Node::last_error).
///
/// # Cancel safety
///
/// Dropping it withdraws the call from the nodes on which the request is not handed over, unless
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
}

impl Multicast {
    /// The multicast of a method whose requests are on their way, or could not be made.
    pub(super) fn new(
        method: &'static str,
        sending: Result<Vec<Sending>, Panicked>,
        span: CallSpan,
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
        }
    }

    /// Lets the call go on without anybody waiting until it is sent. On a node at its limit of one-way calls it is
    /// dropped. It does not keep its nodes connected: once the last handle to a node is dropped, it has two seconds to
    /// reach it.
    pub fn detach(mut self) {
        self.span.end(Outcome::Detached);
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
                    this.failed.extend(sent.err());
                    false
                }
            });
        if !this.sending.is_empty() {
            return Poll::Pending;
        }
        if let Some(panicked) = this.panicked.take() {
            this.span.end(Outcome::Panicked);
            return Poll::Ready(Err(MulticastError::panicked(this.method, panicked)));
        }
        Poll::Ready(match std::mem::take(&mut this.failed) {
            failed if failed.is_empty() => {
                this.span.end(Outcome::Sent);
                Ok(())
            }
            failed => {
                this.span.end(Outcome::Failed);
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
