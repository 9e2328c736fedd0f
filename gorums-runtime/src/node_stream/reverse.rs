//! The calls that a node makes to this client, on the stream that the client has opened.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;

use crate::identity::NodeId;
use crate::wire::{Capacity, FROM_SERVER, Owner, Queue, QueueBody, renumbered};

/// Serves the calls that nodes make to this client.
pub(crate) trait ReverseServer: fmt::Debug + Send + Sync {
    /// Serves the calls of `node`, whose `requests` are those of a node stream. Returns the replies. `is_extended` says
    /// whether the node supports the extensions of the protocol.
    ///
    /// # Errors
    ///
    /// If the node has too many such streams open.
    fn open(&self, node: NodeId, is_extended: bool, requests: Body) -> Result<Body, Status>;

    /// Completes when all calls have been answered, once the server has been stopped.
    fn ended(&self) -> BoxFuture<'static, ()>;
}

/// What serves the calls of a manager's nodes, while there is something. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReverseService(Arc<RwLock<Option<Arc<dyn ReverseServer>>>>);

impl ReverseService {
    /// Serves the calls on new streams with `server` from now on.
    pub(crate) fn begin(&self, server: Arc<dyn ReverseServer>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// Refuses further calls, and lets go of what served them: its replicas may hold the nodes whose streams hold this.
    /// Returns what served them, to wait for the calls that it still handles.
    pub(crate) fn end(&self) -> Option<Arc<dyn ReverseServer>> {
        let mut server = self.0.write().unwrap_or_else(PoisonError::into_inner);
        server.take()
    }

    fn get(&self) -> Option<Arc<dyn ReverseServer>> {
        let server = self.0.read().unwrap_or_else(PoisonError::into_inner);
        server.clone()
    }
}

/// The calls that a node makes on one stream.
#[derive(Debug)]
pub(super) struct ReverseCalls {
    service: ReverseService,
    node: NodeId,
    is_extended: bool,
    /// How many requests may wait until the server reads them.
    capacity: Capacity,
    /// Takes the replies to the stream. `None` once there was a call.
    replies: Option<oneshot::Sender<Body>>,
    /// The requests for the server. `None` before the first.
    requests: Option<Arc<Queue>>,
}

impl ReverseCalls {
    /// The calls that `node` makes on a stream that sends the replies that it gets through `replies`.
    pub(super) fn new(
        service: ReverseService,
        node: NodeId,
        capacity: Capacity,
        replies: oneshot::Sender<Body>,
    ) -> Self {
        Self {
            service,
            node,
            is_extended: false,
            capacity,
            replies: Some(replies),
            requests: None,
        }
    }

    /// Notes whether the node supports the extensions of the protocol.
    pub(super) fn agree(&mut self, is_extended: bool) {
        self.is_extended = is_extended;
    }

    /// Takes a request of the node: its number, and the encoded message. The stream's other messages must not wait for its handler, so there is no
    /// back-pressure.
    ///
    /// # Errors
    ///
    /// If nothing serves the call, or too many requests wait.
    pub(super) fn take(&mut self, number: u64, message: &[u8]) -> Result<(), Status> {
        let frame = renumbered(message, number & !FROM_SERVER)?;
        let Self { capacity, .. } = *self;
        let pushed = self.requests()?.push(&frame, Owner::Nobody);
        pushed.map(drop).map_err(|_| {
            let Capacity { messages, bytes } = capacity;
            Status::resource_exhausted(format!(
                "the client has {messages} requests or {bytes} bytes waiting, which is its limit"
            ))
        })
    }

    /// The queue from which the server reads.
    fn requests(&mut self) -> Result<Arc<Queue>, Status> {
        let server = self.service.get().ok_or_else(not_served)?;
        match &self.requests {
            // Only the server's end holds it, too.
            Some(requests) if Arc::strong_count(requests) == 1 => Err(not_served()),
            Some(requests) => Ok(Arc::clone(requests)),
            None => {
                let requests = self.open(&*server)?;
                self.requests = Some(Arc::clone(&requests));
                Ok(requests)
            }
        }
    }

    fn open(&mut self, server: &dyn ReverseServer) -> Result<Arc<Queue>, Status> {
        let queue = Arc::new(Queue::new(self.capacity));
        let body = Body::new(QueueBody::new(Arc::clone(&queue), queue.stream()));
        let replies = server.open(self.node, self.is_extended, body)?;
        if let Some(sender) = self.replies.take() {
            // The stream has just ended if it does not take them.
            let _ = sender.send(replies);
        }
        Ok(queue)
    }
}

/// The status of calls to a client that serves none.
fn not_served() -> Status {
    Status::unavailable("the client does not serve calls now")
}

impl Drop for ReverseCalls {
    fn drop(&mut self) {
        if let Some(requests) = &self.requests {
            requests.close();
        }
    }
}
