//! Calls to one node.
//!
//! Owns such a call from its setup to its end. Imports `fan_out`, `grpc`, `node` and what is below them. Does not know
//! configurations.

mod handle;

pub use handle::NodeCallHandle;

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tonic::Status;
use tracing::Instrument;

use crate::call::{
    CallOptions, CallOutcome, Called, Deadline, Envelope, Method, Transport, Watched, Withdrawal,
    option_methods,
};
use crate::caller::NodeCaller;
use crate::fan_out::NodeStreamFanOut;
use crate::grpc::EncodedRequest;
use crate::node::Node;
use crate::node_info::NodeError;
use crate::telemetry::CallSpan;
use crate::wire::CallNumber;

/// A call to one node that has not started: set it up, then await it.
///
/// The call starts when it is first polled, and ends with the node's reply, or with a [`NodeError`] when the node fails
/// or is removed, the deadline passes or the manager closes. It owns what it needs: it can be spawned, stored, raced
/// and joined.
///
/// # Panics
///
/// When a call with a timeout is polled outside of a tokio runtime.
///
/// # Cancel safety
///
/// Dropping a call before it has ended withdraws it: the server sees the cancellation, unless it has handled the
/// request already.
#[must_use = "a call does nothing until it is awaited"]
pub struct NodeCall<M: Method> {
    node: Node,
    request: M::Request,
    options: CallOptions,
}

impl<M: Method> NodeCall<M> {
    /// A call of `request` on the node of `caller`. For generated code.
    pub fn new(caller: &NodeCaller, request: M::Request) -> Self {
        Self {
            node: caller.as_node().clone(),
            request,
            options: caller.options().clone(),
        }
    }

    option_methods!();

    /// Sends the call now, and returns a handle to await, ask or detach. The call goes on while the handle is not
    /// polled.
    ///
    /// Over node streams, the node receives calls in the order in which they were started. Entries of a log, for
    /// example, can thus be sent to a follower one after the other without a wait for each reply:
    ///
    /// ```no_run
    /// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
    /// # async fn example(replica: register::register_gorums::RegisterNode) -> Result<(), gorums_runtime::errors::NodeError> {
    /// use register::State;
    ///
    /// let mut written = Vec::new();
    /// for timestamp in 1..=3 {
    ///     let state = State { value: "hello".into(), timestamp };
    ///     written.push(replica.write_no_qc(state).start());
    /// }
    /// for written in written {
    ///     println!("{}", written.await?.new);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn start(self) -> NodeCallHandle<M> {
        NodeCallHandle::start(self.node.clone(), self.into_future())
    }

    async fn run(self) -> Result<M::Reply, NodeError> {
        let mut span =
            CallSpan::node_call(M::DESCRIPTOR, &self.node.info().address(), &self.options);
        let outcome = self.send().instrument(span.share()).await;
        span.end(match &outcome {
            Ok(_) => CallOutcome::Answered,
            Err(error) => error.into(),
        });
        outcome
    }

    async fn send(self) -> Result<M::Reply, NodeError> {
        let Self {
            node,
            mut request,
            mut options,
        } = self;
        let sent = Instant::now();
        let deadline = options.deadline();
        let withdrawal = options.withdrawal();
        let is_withdrawn = options.is_withdrawn();
        let called = Called {
            configuration: None,
            messages: node.message_options(),
            started: Some(sent),
        };
        let id = std::iter::once(node.id());
        let watched = Watched::start::<M>(called, id, &mut request, &mut options, deadline);
        let mut watched = watched.map_err(|refusal| node.info().error(refusal))?;
        let outcome = async {
            if deadline.has_passed() {
                return Err(Deadline::exceeded());
            }
            if is_withdrawn {
                return Err(Withdrawal::status());
            }
            let envelope = Envelope::new::<M>(options.metadata, deadline);
            let numbered = OnceLock::new();
            let mut call = pin!(exchange::<M>(&node, &request, &envelope, &numbered));
            let mut alarm = pin!(deadline.alarm());
            let mut withdrawal = pin!(withdrawal);
            // `tokio::select!` would not send the request in a task that has used its turn up, and later calls would
            // overtake this one.
            poll_fn(|cx| {
                if let Poll::Ready(outcome) = call.as_mut().poll(cx) {
                    return Poll::Ready(outcome);
                }
                if alarm.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(match numbered.get() {
                        Some(&number) => node.stream().late(number, sent),
                        None => Deadline::exceeded(),
                    }));
                }
                let withdrawn = withdrawal.as_mut().poll(cx);
                withdrawn.map(|()| Err(Withdrawal::status()))
            })
            .await
        };
        let outcome = node
            .tasks()
            .closed()
            .run_until_cancelled(outcome)
            .await
            .unwrap_or_else(|| Err(node.info().ended()));
        let mut outcome = node.observe(sent, outcome);
        if let Err(rejection) = watched.node(node.id(), outcome.as_mut().map_err(|it| &*it)) {
            outcome = Err(rejection);
        }
        let outcome = outcome.map_err(|status| node.info().error(status));
        watched.end(match &outcome {
            Ok(_) => CallOutcome::Answered,
            Err(error) => error.into(),
        });
        outcome
    }
}

/// Sends the request, and waits for the reply.
async fn exchange<M: Method>(
    node: &Node,
    request: &M::Request,
    envelope: &Envelope,
    numbered: &OnceLock<CallNumber>,
) -> Result<M::Reply, Status> {
    match node.transport() {
        Transport::Grpc => {
            let request = EncodedRequest::new(envelope, request, node.message_options());
            request.send(node.link()).await
        }
        Transport::NodeStream => {
            NodeStreamFanOut::exchange::<M>(node, request, envelope.metadata(), numbered).await
        }
    }
}

impl<M: Method> IntoFuture for NodeCall<M> {
    type Output = Result<M::Reply, NodeError>;
    type IntoFuture = NodeCallFuture<M>;

    fn into_future(self) -> Self::IntoFuture {
        NodeCallFuture(self.run().boxed())
    }
}

impl<M: Method> fmt::Debug for NodeCall<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCall")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("node", &self.node.id())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The future of a [`NodeCall`].
#[must_use = "a call does nothing until it is awaited"]
pub struct NodeCallFuture<M: Method>(BoxFuture<'static, Result<M::Reply, NodeError>>);

impl<M: Method> Future for NodeCallFuture<M> {
    type Output = Result<M::Reply, NodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx)
    }
}

impl<M: Method> fmt::Debug for NodeCallFuture<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeCallFuture")
            .field(&M::DESCRIPTOR.full_name())
            .finish()
    }
}
