//! A one-way call to one node, in flight.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;

use super::sending::Sending;
use crate::call::{CallOutcome, Called, Envelope, Method, Transport, Watched, Withdrawal};
use crate::caller::NodeCaller;
use crate::grpc::EncodedRequest;
use crate::node_info::NodeError;
use crate::node_stream::OneWayMessage;
use crate::telemetry::CallSpan;

/// A one-way call to one node, in flight.
///
/// The future is ready once the transport has taken the request or failed; see [`Multicast`](crate::Multicast).
#[must_use = "dropping a unicast withdraws it if it is not sent yet; `detach` lets it go on"]
pub struct Unicast {
    sending: Sending,
    span: CallSpan,
    watched: Watched,
    withdrawal: Withdrawal,
}

impl Unicast {
    /// Sends `request` to the node of `caller`. For generated code.
    pub fn start<M: Method>(caller: &NodeCaller, mut request: M::Request) -> Self {
        let mut options = caller.options().clone();
        let deadline = options.deadline();
        let withdrawal = options.withdrawal();
        let node = caller.as_node().clone();
        let span = CallSpan::unicast(M::DESCRIPTOR, &node.info().address(), &options);
        let called = Called {
            configuration: None,
            messages: node.message_options(),
            started: None,
        };
        let nodes = std::iter::once(node.id());
        let watched = span
            .in_scope(|| Watched::start::<M>(called, nodes, &mut request, &mut options, deadline));
        let watched = match watched {
            Ok(watched) => watched,
            Err(refusal) => {
                return Self {
                    sending: Sending::refused(node, refusal),
                    span,
                    watched: Watched::default(),
                    withdrawal,
                };
            }
        };
        let request = &request;
        let envelope = Envelope::new::<M>(options.metadata, deadline);
        let sending = span.in_scope(|| match node.transport() {
            Transport::NodeStream => {
                let number = node.stream().calls().one_way();
                let options = node.message_options();
                let message = OneWayMessage::new(number, &envelope, request, options);
                Sending::on_node_stream(node, message, deadline)
            }
            Transport::Grpc => {
                let request = EncodedRequest::new(&envelope, request, node.message_options());
                Sending::call(node, request, deadline)
            }
        });
        Self {
            sending,
            span,
            watched,
            withdrawal,
        }
    }

    /// Lets the call go on in the background. If the node is at its limit of one-way calls, the request is dropped. The
    /// call does not keep the node connected: it has two seconds to reach a node whose last handle is dropped.
    pub fn detach(mut self) {
        self.span.end(CallOutcome::Detached);
        self.watched.end(CallOutcome::Detached);
        self.sending.detach();
    }
}

impl Future for Unicast {
    type Output = Result<(), NodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sent = match self.sending.poll_sent(cx) {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                ready!(self.withdrawal.poll_unpin(cx));
                Err(self.sending.withdraw(Withdrawal::status()))
            }
        };
        let (node, status) = (
            self.sending.node_id(),
            sent.as_ref().map_err(NodeError::status),
        );
        self.watched.sent(node, status.copied());
        let outcome = match &sent {
            Ok(()) => CallOutcome::Sent,
            Err(error) => error.into(),
        };
        self.span.end(outcome);
        self.watched.end(outcome);
        Poll::Ready(sent)
    }
}

impl fmt::Debug for Unicast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unicast").field(&self.sending).finish()
    }
}
