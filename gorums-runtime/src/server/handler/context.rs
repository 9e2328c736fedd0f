//! What a handler knows of its call.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures::task::AtomicWaker;
use http::Extensions;
use tokio::sync::Notify;
use tonic::Request;
use tonic::metadata::MetadataMap;
#[cfg(feature = "_tls-any")]
use tonic::transport::CertificateDer;

use super::peer::Peer;
use crate::call::{Deadline, MethodDescriptor};
use crate::wire::{MetadataEntry, replace_entries};

/// The header that carries the time left.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// What a handler knows of its call besides the request: who calls, what came along, how much time is left, and
/// whether anybody still waits.
///
/// A cheap handle: clones are of the same call, and may outlive its handler.
///
/// A handler always runs to its end, also when its caller gives up, so that it is never left half done. One that works
/// for long should look at [`cancelled`](Self::cancelled):
///
/// ```
/// use gorums_runtime::Context;
/// use gorums_runtime::tonic::Status;
///
/// async fn search(ctx: &Context, work: impl Future<Output = u64>) -> Result<u64, Status> {
///     tokio::select! {
///         found = work => Ok(found),
///         () = ctx.cancelled() => Err(Status::cancelled("nobody waits for the result")),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Context(Arc<ContextState>);

#[derive(Debug)]
struct ContextState {
    method: &'static MethodDescriptor,
    peer: Arc<Peer>,
    /// What the request of a call on a node stream says besides the headers of its stream.
    entries: Vec<MetadataEntry>,
    /// Both together, once they are looked at.
    metadata: OnceLock<MetadataMap>,
    deadline: Deadline,
    abandoned: Abandoned,
    /// On a node stream only.
    turn: Option<Turn>,
}

impl Context {
    /// The context of a call of `method` by `request`, which may take as long as `limit` says, and the message that the
    /// request carries.
    pub(super) fn of<T>(
        method: &'static MethodDescriptor,
        request: Request<T>,
        limit: Option<Duration>,
    ) -> (Self, T) {
        let (peer, message) = Peer::of(request);
        let timeout = peer.metadata.get(GRPC_TIMEOUT);
        let deadline = Deadline::received(timeout.and_then(|timeout| timeout.to_str().ok()));
        let context = Self(Arc::new(ContextState {
            method,
            deadline: match limit {
                Some(limit) => deadline.within(limit),
                None => deadline,
            },
            peer: Arc::new(peer),
            entries: Vec::new(),
            metadata: OnceLock::new(),
            abandoned: Abandoned::default(),
            turn: None,
        }));
        (context, message)
    }

    /// The context of a call of `method` on a node stream of `peer`, whose request has these `entries`, in the memory
    /// of one that was recycled on the same stream.
    #[inline]
    pub(crate) fn on_stream(
        method: &'static MethodDescriptor,
        peer: &Arc<Peer>,
        entries: Vec<MetadataEntry>,
        recycled: Option<Self>,
    ) -> Self {
        let timeout = entries.iter().find(|entry| entry.key == GRPC_TIMEOUT);
        let deadline = Deadline::received(timeout.map(|entry| entry.value.as_str()));
        if let Some(mut context) = recycled
            && let Some(inner) = Arc::get_mut(&mut context.0)
        {
            inner.method = method;
            inner.entries = entries;
            inner.deadline = deadline;
            return context;
        }
        Self(Arc::new(ContextState {
            method,
            deadline,
            peer: Arc::clone(peer),
            entries,
            metadata: OnceLock::new(),
            abandoned: Abandoned::default(),
            turn: Some(Turn::default()),
        }))
    }

    /// Has the call end after `timeout` at the latest. Only before its handler has begun.
    pub(crate) fn limit(&mut self, timeout: Duration) {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.deadline = inner.deadline.within(timeout);
        }
    }

    /// What is left of the context of a call on a node stream that has been answered; none if somebody has kept it. To
    /// allocate another for each call takes 200 instructions more, of a server's 3,400.
    #[inline]
    pub(crate) fn recycle(mut self) -> Option<Self> {
        let inner = Arc::get_mut(&mut self.0)?;
        inner.entries = Vec::new();
        inner.metadata.take();
        inner.abandoned = Abandoned::default();
        inner.turn = Some(Turn::default());
        Some(self)
    }

    /// Lets the next request of the same client be handled while this one is.
    ///
    /// The requests of a client that come on a node stream are handled one by one, in the order in which they were
    /// sent, unless a handler has this said. Over plain gRPC they are not, and this does nothing.
    pub fn release(&self) {
        if let Some(turn) = &self.0.turn {
            turn.end();
        }
    }

    /// Ready once the next request may be handled.
    pub(crate) fn poll_released(&self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        match &self.0.turn {
            Some(turn) => turn.poll_over(cx),
            None => Poll::Pending,
        }
    }

    /// The method that is called.
    pub fn method(&self) -> &'static MethodDescriptor {
        self.0.method
    }

    /// The metadata that the caller sent along.
    pub fn metadata(&self) -> &MetadataMap {
        let ContextState { peer, entries, .. } = &*self.0;
        if entries.is_empty() {
            return &peer.metadata;
        }
        self.0.metadata.get_or_init(|| {
            let mut metadata = peer.metadata.clone();
            // What a call says for itself counts, not what its stream says for all calls.
            replace_entries(&mut metadata, entries);
            metadata
        })
    }

    /// The address that the call came from; none when the connection has none, such as one in memory.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.0.peer.address
    }

    /// The certificates that the caller presented by TLS, in DER, its own first; none when it presented none, or does
    /// not call by TLS over TCP.
    ///
    /// A server that has a `client_ca_root` has verified that an authority of its own signed them. What they say of who
    /// calls is for an X.509 parser to read. Needs one of the crate's features `tls-ring` and `tls-aws-lc`.
    #[cfg(feature = "_tls-any")]
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        let certificates = self.0.peer.certificates.as_ref()?;
        Some(certificates.as_slice())
    }

    /// What the server's layers and interceptors attached to the request.
    pub fn extensions(&self) -> &Extensions {
        &self.0.peer.extensions
    }

    /// How much time is left until the caller's deadline, or until the end of the
    /// [replica's timeout](crate::server::ReplicaServer::timeout): zero once it has passed, none without either.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.remaining()
    }

    /// Whether nobody waits for the call any more: the caller withdrew it, its connection broke, or its deadline
    /// passed.
    pub fn is_cancelled(&self) -> bool {
        self.is_abandoned() || self.0.deadline.has_passed()
    }

    /// Waits until nobody waits for the call any more. Pending for ever if it is answered before.
    ///
    /// # Cancel safety
    ///
    /// May be left and called again.
    pub async fn cancelled(&self) {
        tokio::select! {
            () = self.0.abandoned.wait() => {}
            () = self.0.deadline.alarm() => {}
        }
    }

    /// Notes that nobody waits for the call any more.
    pub(crate) fn abandon(&self) {
        self.0.abandoned.set();
    }

    /// Whether that was noted.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.abandoned.is_set()
    }
}

/// Whether anybody waits for a call. Most calls end before anybody wants to know.
#[derive(Debug, Default)]
struct Abandoned {
    is_set: AtomicBool,
    set: Notify,
}

impl Abandoned {
    fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.set.notify_waiters();
    }

    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        // It hears of what is set from here on.
        let set = self.set.notified();
        if !self.is_set() {
            set.await;
        }
    }
}

/// The turn of a handler on a node stream: while it lasts, the next request waits.
#[derive(Debug, Default)]
struct Turn {
    is_over: AtomicBool,
    next: AtomicWaker,
}

impl Turn {
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.next.wake();
    }

    fn poll_over(&self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        self.next.register(cx.waker());
        match self.is_over.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
