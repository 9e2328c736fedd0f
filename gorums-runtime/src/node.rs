//! One replica, as its clients see it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::deadline::Deadline;
use crate::grpc::Backoff;
use crate::grpc::bounded;
use crate::grpc::{Link, MessageOptions, MessageStreams};
use crate::id::NodeId;
use crate::keep::{Keep, RuntimeWatch};
use crate::node_channel::NodeChannel;
use crate::node_error::NodeError;
use crate::node_errors::Reports;
use crate::observations::{LastError, Observations};
use crate::stragglers::Stragglers;
use crate::stream::{Calls, Capacity, NodeStream};
use crate::tasks::Tasks;
use crate::telemetry;
use crate::transport::Transport;

/// A replica in a manager's pool. A cheap handle: clones share one connection.
///
/// The connection is kept open. A request whose connection breaks fails with `Unavailable` and is never sent
/// again by the runtime; the next request connects anew. When the node is
/// [removed](crate::Manager::remove_node), calls on it fail.
///
/// The node stays connected while there is a handle to it: the node itself, a manager or configuration that has it, its
/// [channel](Self::channel), or a call that waits for it. Once the last is dropped, what is still under way on the node,
/// such as calls that were decided without it and multicasts that are detached, has two seconds to end.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
    /// None in the node's own background work.
    _keep: Option<Keep>,
}

struct Inner {
    id: NodeId,
    address: Arc<str>,
    socket_address: SocketAddr,
    link: Link,
    shared: Shared,
    stragglers: Stragglers,
    one_way_room: Arc<Semaphore>,
    stream: NodeStream,
    message_streams: MessageStreams,
    observations: Arc<Observations>,
    removed: AtomicBool,
    tasks: Tasks,
}

/// What the nodes of one manager have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) messages: Arc<MessageOptions>,
    pub(crate) reports: Reports,
    pub(crate) transport: Transport,
    pub(crate) calls: Calls,
    pub(crate) backoff: Backoff,
}

/// How much that nobody waits for a node may have under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) stragglers: usize,
    pub(crate) one_way: usize,
    /// How much may wait to be sent on the stream to a node.
    pub(crate) queue: Capacity,
}

impl Node {
    pub(crate) fn new(
        id: NodeId,
        address: Arc<str>,
        socket_address: SocketAddr,
        link: Link,
        shared: Shared,
        tasks: Tasks,
        manager: RuntimeWatch,
    ) -> Self {
        let keep = Keep::new(tasks.clone(), manager);
        let observations = Arc::new(Observations::new());
        let inner = Arc::new_cyclic(|node| Inner {
            id,
            address,
            socket_address,
            stream: NodeStream::new(
                id,
                WeakNode(node.clone()),
                link.clone(),
                &shared,
                Arc::clone(&observations),
                tasks.clone(),
            ),
            link,
            stragglers: Stragglers::new(shared.limits.stragglers, tasks.clone()),
            one_way_room: Arc::new(Semaphore::new(shared.limits.one_way)),
            message_streams: MessageStreams::default(),
            shared,
            observations,
            removed: AtomicBool::new(false),
            tasks,
        });
        Self {
            inner,
            _keep: Some(keep),
        }
    }

    /// The node for its own background work, which ends some time after the last other handle is dropped.
    pub(crate) fn unkept(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            _keep: None,
        }
    }

    /// The node's identity.
    pub fn id(&self) -> NodeId {
        self.inner.id
    }

    /// The node's address as it was given to the manager, such as `localhost:8080`.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// The address that the node is connected to.
    pub fn socket_address(&self) -> SocketAddr {
        self.inner.socket_address
    }

    /// The gRPC channel to the node, for use with any tonic client. The client's own settings hold for its metadata,
    /// the sizes of its messages and their compression, not those of the manager.
    ///
    /// Node streams, and calls with streams of messages, take it, too. Over plain gRPC the calls with one reply each have
    /// a connection of their own, which is faster, unless the manager has an option that only a channel has: TLS,
    /// `keep_alive` or `endpoint`. The channel then connects when it is first used.
    pub fn channel(&self) -> NodeChannel {
        NodeChannel::new(self.inner.link.channel(), self.clone())
    }

    /// The status of a request on the node's channel that failed with `status`.
    pub(crate) fn normalise(&self, status: Status) -> Status {
        self.inner.link.normalise(status, Deadline::none())
    }

    /// How calls travel to the node.
    pub(crate) fn transport(&self) -> Transport {
        self.inner.shared.transport
    }

    /// The stream on which calls travel to the node, with that transport.
    pub(crate) fn stream(&self) -> &NodeStream {
        &self.inner.stream
    }

    /// What requests go over.
    pub(crate) fn link(&self) -> Link {
        self.inner.link.clone()
    }

    /// How long the node takes to answer a call with one reply: a moving average over the successful ones, to which a
    /// new one adds a fifth. None before the first. What passes before there is a connection, and before the node
    /// stream can carry the request, does not count; see [`opening_time`](Self::opening_time).
    pub fn latency(&self) -> Option<Duration> {
        self.inner.observations.latency()
    }

    /// How long it took to open the latest node stream: from the call that needed it until it could carry requests,
    /// connecting included. None before the first, and with [`Transport::Grpc`].
    pub fn opening_time(&self) -> Option<Duration> {
        self.inner.observations.opening_time()
    }

    /// How a call on the node failed last, if one did: a one-way call fails when it cannot be sent, or when the stream
    /// ends on which it is sent. A success does not clear it.
    pub fn last_error(&self) -> Option<LastError> {
        self.inner.observations.last_error()
    }

    /// Takes in what became of a call with one reply that was sent at `sent`.
    pub(crate) fn observe<T>(
        &self,
        sent: Instant,
        outcome: Result<T, Status>,
    ) -> Result<T, Status> {
        match outcome {
            Ok(reply) => {
                // Streams measure it themselves.
                if self.transport() == Transport::Grpc {
                    // The request was not at the node while there was no connection.
                    let connected = self.inner.link.connected().unwrap_or(sent);
                    self.inner
                        .observations
                        .measure(sent.max(connected).elapsed());
                }
                telemetry::replied(self, || sent.elapsed());
                Ok(reply)
            }
            Err(status) => Err(self.fail(sent, status)),
        }
    }

    /// Takes in that a call that was sent at `sent` failed, and reports it, with the status that is returned.
    pub(crate) fn fail(&self, sent: Instant, status: Status) -> Status {
        let status = bounded(self.explain(status));
        telemetry::failed(self, sent.elapsed(), &status);
        self.inner.observations.fail(status.clone());
        self.inner
            .shared
            .reports
            .report(|| NodeError::new(self, status.clone()));
        status
    }

    /// The status of a failed call, which tells if the node's connection was ended on this side.
    pub(crate) fn explain(&self, status: Status) -> Status {
        if status.code() == Code::Unavailable && self.tasks().closed().is_cancelled() {
            self.ended()
        } else {
            status
        }
    }

    /// The status of calls once the node's background work has ended.
    pub(crate) fn ended(&self) -> Status {
        Status::unavailable(if self.inner.removed.load(Ordering::SeqCst) {
            "the node was removed"
        } else {
            "the manager is closed"
        })
    }

    /// Closes the connection for good.
    pub(crate) fn remove(&self) {
        self.inner.removed.store(true, Ordering::SeqCst);
        self.tasks().close();
    }

    /// Whether both are handles to one node, and not to one that was added later with the id of the other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Where the nodes of the manager report their errors.
    pub(crate) fn reports(&self) -> &Reports {
        &self.inner.shared.reports
    }

    pub(crate) fn shared_address(&self) -> Arc<str> {
        Arc::clone(&self.inner.address)
    }

    /// How messages to and from the node are sent, as with all nodes of its manager.
    pub(crate) fn message_options(&self) -> &Arc<MessageOptions> {
        &self.inner.shared.messages
    }

    /// The node's background work.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    /// A place for each one-way call that may be under way.
    pub(crate) fn one_way_room(&self) -> &Arc<Semaphore> {
        &self.inner.one_way_room
    }

    /// How many one-way calls there is room for, over plain gRPC.
    pub(crate) fn one_way_limit(&self) -> usize {
        self.inner.shared.limits.one_way
    }

    /// Why a one-way call that does not wait for room is dropped.
    pub(crate) fn no_room_for_one_way(&self) -> Status {
        let Limits { one_way, queue, .. } = self.inner.shared.limits;
        Status::resource_exhausted(match self.transport() {
            Transport::Grpc => format!(
                "a one-way call was dropped: {one_way} are under way, which is the limit (one_way_limit)"
            ),
            Transport::NodeStream => format!(
                "a one-way call was dropped: the node's queue is full, with {} messages or {} bytes (queue_limit)",
                queue.messages, queue.bytes
            ),
        })
    }

    /// The streams of the methods that take them.
    pub(crate) fn message_streams(&self) -> &MessageStreams {
        &self.inner.message_streams
    }

    /// A handle that does not keep the node's state.
    pub(crate) fn downgrade(&self) -> WeakNode {
        WeakNode(Arc::downgrade(&self.inner))
    }

    pub(crate) fn stragglers(&self) -> &Stragglers {
        &self.inner.stragglers
    }
}

/// A handle that does not keep its node's state.
#[derive(Clone)]
pub(crate) struct WeakNode(Weak<Inner>);

impl WeakNode {
    /// The node, if it is still there, as its background work has it: it does not stay connected for that.
    pub(crate) fn upgrade(&self) -> Option<Node> {
        self.0.upgrade().map(|inner| Node { inner, _keep: None })
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id())
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// The id and the address: `node 3670673580 (127.0.0.1:8080)`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.id(), self.address())
    }
}
