//! One-way calls under way.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tonic::Status;

use super::MulticastError;
use crate::caller::{Caller, NodeCaller};
use crate::deadline::Deadline;
use crate::fan_out::PerNode;
use crate::grpc::{EncodedRequest, Envelope, HandedOver, Receipt};
use crate::node_error::NodeError;
use crate::options::CallOptions;
use crate::{Configuration, Method, Node, NodeId};

/// A one-way call to all nodes, which was sent when it was made.
///
/// Awaiting it waits until the request is handed to the transport on every node, each on its own: a connection has
/// taken it, or there is none. Whether a replica has handled it, or ever will, it does not tell. A node at its
/// [limit](crate::ManagerBuilder::one_way_limit) of one-way calls makes this one wait for room. The deadline holds
/// while waiting for room, for connections, and for the replicas.
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
}

/// A one-way call to one node, which was sent when it was made.
///
/// Awaiting it waits until the request is handed to the transport; see [`Multicast`].
#[must_use = "dropping a unicast withdraws it if it is not sent yet; `detach` lets it go on"]
pub struct Unicast(Sending);

/// A one-way call to all nodes that has not started.
#[must_use = "a call does nothing until it is started"]
pub struct MulticastCall<M: Method> {
    configuration: Configuration,
    request: M::Request,
    per_node: Option<PerNode<M::Request>>,
    options: CallOptions,
}

impl<M: Method> MulticastCall<M> {
    /// A call that sends `request` to every node of `caller`. For generated code.
    pub fn new<Q>(caller: &Caller<Q>, request: M::Request) -> Self {
        Self {
            configuration: caller.configuration().clone(),
            request,
            per_node: None,
            options: caller.options().clone(),
        }
    }

    /// A call that sends each node what `per_node` makes of `request` for it, or nothing. For generated code.
    pub fn per_node<Q>(
        caller: &Caller<Q>,
        request: M::Request,
        per_node: impl FnMut(&M::Request, NodeId) -> Option<M::Request> + Send + 'static,
    ) -> Self {
        Self {
            per_node: Some(Box::new(per_node)),
            ..Self::new(caller, request)
        }
    }

    /// Sends the requests.
    ///
    /// # Panics
    ///
    /// When a function that makes each node's request panics: nothing has been sent then.
    pub fn start(self) -> Multicast {
        let deadline = self.options.deadline();
        let envelope = Envelope::new::<M>(self.options.metadata, deadline);
        let requests = envelope.address(&self.configuration, &self.request, self.per_node);
        let sending: Vec<_> = requests
            .into_iter()
            .map(|(node, request)| Sending::start(node, request, deadline))
            .collect();
        Multicast {
            method: M::DESCRIPTOR.full_name(),
            nodes: sending.len(),
            sending,
            failed: Vec::new(),
        }
    }
}

impl<M: Method> fmt::Debug for MulticastCall<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MulticastCall")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("configuration", &self.configuration.id())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Multicast {
    /// Lets the call go on without anybody waiting until it is sent. On a node at its limit of one-way calls it is
    /// dropped.
    pub fn detach(self) {
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
        Poll::Ready(match std::mem::take(&mut this.failed) {
            failed if failed.is_empty() => Ok(()),
            failed => Err(MulticastError::new(this.method, this.nodes, failed)),
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

impl Unicast {
    /// Sends `request` to the node of `caller`. For generated code.
    pub fn start<M: Method>(caller: &NodeCaller, request: &M::Request) -> Self {
        let deadline = caller.options().deadline();
        let envelope = Envelope::new::<M>(caller.options().metadata.clone(), deadline);
        let node = caller.node().clone();
        Self(Sending::start(node, envelope.seal(request), deadline))
    }

    /// Lets the call go on without anybody waiting until it is sent. If the node is at its limit of one-way calls, it
    /// is dropped.
    pub fn detach(self) {
        self.0.detach();
    }
}

impl Future for Unicast {
    type Output = Result<(), NodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_sent(cx)
    }
}

impl fmt::Debug for Unicast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unicast").field(&self.0).finish()
    }
}

/// A request on its way to one node's connection.
struct Sending {
    node: Node,
    deadline: Deadline,
    sent: oneshot::Receiver<HandedOver>,
    /// Whether the node had room for the request when it was made.
    had_room: bool,
    /// None once the request is sent, or nobody waits for that.
    withdraw: Option<AbortHandle>,
}

impl Sending {
    fn start(node: Node, request: EncodedRequest, deadline: Deadline) -> Self {
        let (receipt, sent) = Receipt::new();
        let call = request.send_one_way(node.channel(), receipt);
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

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NodeError>> {
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
    fn detach(mut self) {
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
