//! One replica, as its clients see it.
//!
//! Owns a node's connection, streams and background work for as long as there is a handle to it. Imports the transports
//! `grpc` and `node_stream`, and what is below them. Does not know which configurations a node is in.

mod channel;
#[cfg(feature = "metrics")]
mod sample;
mod shared;
mod straggler_tasks;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::Status;

use straggler_tasks::StragglerTasks;

use crate::call::{Deadline, MessageOptions, Transport};
use crate::connection::Link;
use crate::grpc::MessageStreams;
use crate::identity::{Address, NodeAddress, NodeId, NodeSpec};
use crate::node_info::{LastError, NodeError, NodeInfo, Reports};
use crate::node_stream::{Carrier, NodeStream, StreamOptions};
use crate::support::{Keep, RuntimeWatch, Tasks};
use crate::telemetry;

pub use channel::NodeChannel;
pub(crate) use shared::{Limits, Shared};

/// A replica in a manager's pool. A cheap handle: clones share one connection.
///
/// The connection is kept open. A request whose connection breaks fails with `Unavailable`; the runtime never sends it
/// again. The next request makes a new connection. After the node is [removed](crate::Manager::remove_node), calls on
/// it fail.
///
/// The node stays connected while there is a handle to it: the node itself, a manager or configuration that has it, its
/// [channel](Self::channel), or a call that waits for it. When the last one is dropped, stragglers and detached multicasts
/// have two seconds to end.
#[derive(Clone)]
pub struct Node {
    inner: Arc<NodeParts>,
    /// `None` in the node's own background work.
    _keep: Option<Keep>,
}

struct NodeParts {
    info: Arc<NodeInfo>,
    link: Link,
    limits: Limits,
    stragglers: StragglerTasks,
    one_way_room: Arc<Semaphore>,
    stream: NodeStream,
    message_streams: MessageStreams,
    keep_connected: bool,
}

impl Node {
    /// The node at `address`, whose background work is `tasks`. `link` leads to it, but for its stream if there is a
    /// `carrier`.
    pub(crate) fn new(
        address: NodeAddress,
        link: Link,
        carrier: Option<Carrier>,
        shared: &Shared,
        tasks: Tasks,
        manager: RuntimeWatch,
    ) -> Self {
        let limits = shared.limits;
        let row = shared
            .connections
            .row(address.id, Arc::clone(&address.name));
        let info = Arc::new(NodeInfo::new(
            address,
            shared.transport,
            Arc::clone(&shared.messages),
            shared.reports.clone(),
            row,
            tasks.clone(),
        ));
        let options = StreamOptions {
            queue: limits.queue,
            stragglers: limits.stragglers,
            backoff: shared.backoff,
            reverse: shared.reverse.clone(),
        };
        let stream = NodeStream::new(
            Arc::clone(&info),
            link.clone(),
            carrier,
            shared.calls.clone(),
            options,
        );
        let message_streams = MessageStreams::new(Arc::clone(&info), link.clone(), limits.one_way);
        let inner = Arc::new(NodeParts {
            info,
            link,
            limits,
            stragglers: StragglerTasks::new(limits.stragglers, tasks.clone()),
            one_way_room: Arc::new(Semaphore::new(limits.one_way)),
            stream,
            message_streams,
            keep_connected: shared.keep_connected,
        });
        #[cfg(feature = "metrics")]
        shared.messages.meter.watch(&inner);
        Self {
            inner,
            _keep: Some(Keep::new(tasks, manager)),
        }
    }

    /// Notes that the manager has the node from now on, and no other with its id.
    pub(crate) fn join(&self) {
        self.info().connection.add();
        if self.inner.keep_connected {
            self.stream().keep_open();
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
        self.inner.info.id
    }

    /// The node's address as it was given to the manager, such as `localhost:8080`.
    pub fn address(&self) -> String {
        self.inner.info.address().name.to_string()
    }

    /// Moves the node to `address`, where `link` leads. Calls that have been sent to where it was fail with `Unavailable`.
    pub(crate) fn move_to(&self, address: NodeAddress, link: &Link) {
        self.info().move_to(address);
        self.inner.link.replace(link);
        self.stream().move_on();
    }

    /// The IP address that the node is connected to, or was last. If the node has a name for an address, it is `None`
    /// before the first connection. If it is at a Unix socket, it is always `None`.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self.inner.info.address().address {
            Address::Socket(socket) => Some(socket),
            Address::Name { .. } => self.inner.link.reached(),
            #[cfg(unix)]
            Address::Unix(_) => None,
        }
    }

    /// The gRPC channel to the node, for use with any tonic client. Metadata, message sizes and compression are up to
    /// that client; the manager's settings do not apply.
    ///
    /// With [`Transport::NodeStream`](crate::Transport::NodeStream) it has a connection of its own, which is made when it is
    /// first used, so that what is large does not hold up the calls. With [`Transport::Grpc`](crate::Transport::Grpc) it shares
    /// one with calls that have streams of messages. Other calls then use a faster connection of their own, unless the manager
    /// has an option that needs a channel: TLS, `keep_alive` or `endpoint`.
    pub fn channel(&self) -> NodeChannel {
        let link = &self.inner.link;
        let channel = match self.transport() {
            Transport::NodeStream => link.beside(),
            Transport::Grpc => link.channel(),
        };
        NodeChannel::new(channel, self.clone())
    }

    /// Checks that the node itself answered with these headers, and not another one at its address.
    pub(crate) fn check_answer(&self, headers: &HeaderMap) -> Result<(), Status> {
        self.inner.link.check_answer(headers)
    }

    /// The status of a request on the node's channel that failed with `status`.
    pub(crate) fn normalise(&self, status: Status) -> Status {
        self.inner.link.normalise(status, Deadline::none())
    }

    /// How calls travel to the node.
    pub(crate) fn transport(&self) -> Transport {
        self.inner.info.transport
    }

    /// The stream on which calls travel to the node, with that transport.
    pub(crate) fn stream(&self) -> &NodeStream {
        &self.inner.stream
    }

    /// The connections that requests use.
    pub(crate) fn link(&self) -> Link {
        self.inner.link.clone()
    }

    /// How long the node takes to answer a call with one reply: a moving average over the successful ones, in which a
    /// new one has a weight of one fifth. `None` before the first. The time until there is a connection, and until the
    /// node stream can carry the request, does not count; see [`opening_time`](Self::opening_time).
    pub fn latency(&self) -> Option<Duration> {
        self.inner.info.observations.latency()
    }

    /// How long it took to open the latest node stream: from the call that needed it until it could carry requests,
    /// connecting included. `None` before the first, and with [`Transport::Grpc`].
    pub fn opening_time(&self) -> Option<Duration> {
        self.inner.info.observations.opening_time()
    }

    /// The latest failure of a call on the node, if any. A one-way call fails if it cannot be sent, or if its stream
    /// ends. A success does not clear it.
    pub fn last_error(&self) -> Option<LastError> {
        self.inner.info.observations.last_error()
    }

    /// Records the outcome of a call with one reply that was sent at `sent`.
    pub(crate) fn observe<T>(
        &self,
        sent: Instant,
        outcome: Result<T, Status>,
    ) -> Result<T, Status> {
        match outcome {
            Ok(reply) => {
                // Streams measure it themselves.
                if self.transport() == Transport::Grpc {
                    // Without a connection the request could not reach the node.
                    let connected = self.inner.link.connected().unwrap_or(sent);
                    self.info()
                        .observations
                        .measure(sent.max(connected).elapsed());
                }
                telemetry::replied(|| self.info().address(), || sent.elapsed());
                Ok(reply)
            }
            Err(status) => Err(self.info().fail(sent, status)),
        }
    }

    /// Records and reports that a call that was sent at `sent` failed. Returns the error that its caller gets.
    pub(crate) fn fail(&self, sent: Instant, status: Status) -> NodeError {
        self.info().error(self.info().fail(sent, status))
    }

    /// What the node shares with its connection and its streams.
    pub(crate) fn info(&self) -> &NodeInfo {
        &self.inner.info
    }

    /// The node's id and address.
    pub(crate) fn spec(&self) -> NodeSpec {
        self.info().address().spec()
    }

    /// Closes the connection for good, for the `reason` given, which calls on the node fail with.
    pub(crate) fn remove(&self, reason: &'static str) {
        self.info().remove(reason);
    }

    /// Whether both nodes were given the same address.
    pub(crate) fn is_at_the_address_of(&self, other: &Self) -> bool {
        self.is_at(&other.info().address())
    }

    /// Whether the node is at this address.
    pub(crate) fn is_at(&self, address: &NodeAddress) -> bool {
        self.info().address().address == address.address
    }

    /// Whether both are handles to the same node. A node that was added later with the other's id is another one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Where the nodes of the manager report their errors.
    pub(crate) fn reports(&self) -> &Reports {
        &self.info().reports
    }

    /// How messages to and from the node are sent, as with all nodes of its manager.
    pub(crate) fn message_options(&self) -> &Arc<MessageOptions> {
        &self.info().messages
    }

    /// The node's background work.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.info().tasks
    }

    /// One permit for each one-way call that may be in flight.
    pub(crate) fn one_way_room(&self) -> &Arc<Semaphore> {
        &self.inner.one_way_room
    }

    /// Why a one-way call that does not wait for room is dropped.
    pub(crate) fn no_room_for_one_way(&self) -> Status {
        let Limits { one_way, queue, .. } = self.inner.limits;
        Status::resource_exhausted(match self.transport() {
            Transport::Grpc => format!(
                "a one-way call was dropped: {one_way} are in flight, which is the limit (one_way_limit)"
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

    /// The decided calls that go on at the node, over plain gRPC.
    pub(crate) fn stragglers(&self) -> &StragglerTasks {
        &self.inner.stragglers
    }
}

impl Drop for NodeParts {
    fn drop(&mut self) {
        self.info.drop_handle();
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
        self.info().address().fmt(f)
    }
}
