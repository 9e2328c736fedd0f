//! A handler's view of its call.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use http::Extensions;
use tokio::sync::Notify;
use tonic::Request;
use tonic::metadata::MetadataMap;
use tracing::Span;

use super::members::Stranger;
use super::peer::{Caller, Peer};
#[cfg(feature = "metrics")]
use super::timed::Timed;
use crate::call::{Deadline, MethodDescriptor, Served, Serving};
use crate::configuration::{Configuration, Membership};
use crate::identity::NodeId;
use crate::metrics::{HandlerBurst, HandlerMeter, HandlerTimer};
use crate::node::Node;
use crate::telemetry;
#[cfg(feature = "_tls-any")]
use crate::tls::PeerCertificate;
use crate::wire::{MetadataEntry, replace_entries};

/// A running handler.
#[cfg(feature = "metrics")]
type Handler<F> = Timed<F>;
#[cfg(not(feature = "metrics"))]
type Handler<F> = Serving<F>;

/// The header that carries the time until the caller's deadline.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// What a handler knows about its call besides the request: who calls, the caller's metadata, how much time is left,
/// and whether the caller still waits.
///
/// A cheap handle. Clones refer to the same call and may outlive the handler.
///
/// A handler always runs to its end, even if its caller gives up, so that it never leaves an update half done. A
/// handler that works for long should watch [`cancelled`](Self::cancelled):
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
pub struct Context {
    state: Arc<ContextState>,
    /// The metadata as interceptors have changed it.
    changed: Option<Arc<MetadataMap>>,
    /// The parent of the handler's span, if it is in another process.
    #[cfg(feature = "opentelemetry")]
    parent: Option<opentelemetry::Context>,
}

#[derive(Debug)]
struct ContextState {
    method: &'static MethodDescriptor,
    peer: Arc<Peer>,
    /// The metadata of this call alone, if it came on a node stream.
    entries: Vec<MetadataEntry>,
    /// The metadata of the stream and the call together; merged when a handler first asks for it.
    metadata: OnceLock<MetadataMap>,
    deadline: Deadline,
    abandoned: Abandoned,
    /// Calls on node streams have one.
    turn: Option<Turn>,
    timer: HandlerTimer,
}

impl Context {
    /// Splits the plain gRPC `request` of `method` into its context and its message. `limit` bounds the time of the
    /// handler, and `meter` measures it.
    pub(crate) fn of<T>(
        method: &'static MethodDescriptor,
        request: Request<T>,
        limit: Option<Duration>,
        meter: &HandlerMeter,
    ) -> (Self, T) {
        let (peer, message) = Peer::of(request);
        let timeout = peer.metadata.get(GRPC_TIMEOUT);
        let deadline = Deadline::received(timeout.and_then(|timeout| timeout.to_str().ok()));
        let mut timer = HandlerTimer::default();
        timer.begin(meter, None);
        let context = Self::with(ContextState {
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
            timer,
        });
        (context, message)
    }

    /// Creates the context of a call of `method` on a node stream of `peer`, whose request has these `entries`. Reuses
    /// the memory of `recycled`, a context of the same stream. `meter` measures the handler, which belongs to `burst`.
    #[inline]
    pub(crate) fn on_stream(
        method: &'static MethodDescriptor,
        peer: &Arc<Peer>,
        entries: Vec<MetadataEntry>,
        recycled: Option<Self>,
        meter: &HandlerMeter,
        burst: &mut HandlerBurst,
    ) -> Self {
        let timeout = entries.iter().find(|entry| entry.key == GRPC_TIMEOUT);
        let deadline = Deadline::received(timeout.map(|entry| entry.value.as_str()));
        if let Some(mut context) = recycled
            && let Some(inner) = Arc::get_mut(&mut context.state)
        {
            inner.method = method;
            inner.entries = entries;
            inner.deadline = deadline;
            inner.timer.begin(meter, Some(burst));
            return context;
        }
        let mut timer = HandlerTimer::default();
        timer.begin(meter, Some(burst));
        Self::with(ContextState {
            method,
            deadline,
            peer: Arc::clone(peer),
            entries,
            metadata: OnceLock::new(),
            abandoned: Abandoned::default(),
            turn: Some(Turn::default()),
            timer,
        })
    }

    fn with(state: ContextState) -> Self {
        Self {
            state: Arc::new(state),
            changed: None,
            #[cfg(feature = "opentelemetry")]
            parent: None,
        }
    }

    /// Moves the deadline to `timeout` from now, if that is earlier. Has no effect once the handler has begun.
    pub(crate) fn limit(&mut self, timeout: Duration) {
        if let Some(inner) = Arc::get_mut(&mut self.state) {
            inner.deadline = inner.deadline.within(timeout);
        }
    }

    /// Measures the handler.
    #[inline]
    pub(crate) fn timer(&self) -> &HandlerTimer {
        &self.state.timer
    }

    /// Empties the context of an answered call so that the stream's next call can reuse its memory. Returns `None` if
    /// the handler has kept a clone. Saves an allocation per call: `bench/benches/instructions.rs` counts what a call
    /// costs.
    #[inline]
    pub(crate) fn recycle(mut self) -> Option<Self> {
        let inner = Arc::get_mut(&mut self.state)?;
        inner.entries = Vec::new();
        inner.metadata.take();
        inner.abandoned = Abandoned::default();
        inner.turn = Some(Turn::default());
        Some(self)
    }

    /// Lets the server handle the client's next request while this handler still runs.
    ///
    /// A node stream delivers one request at a time, in the order in which the client sent them, unless the handler
    /// calls `release`. Over plain gRPC, requests run concurrently, and `release` does nothing.
    pub fn release(&self) {
        if let Some(turn) = &self.state.turn {
            turn.end();
        }
    }

    /// Ready once the next request may be handled.
    pub(crate) fn poll_released(&self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        match &self.state.turn {
            Some(turn) => turn.poll_over(cx),
            None => Poll::Pending,
        }
    }

    /// Returns the method that the caller called.
    pub fn method(&self) -> &'static MethodDescriptor {
        self.state.method
    }

    /// Returns the metadata that the caller sent, as the server's [interceptors](crate::interceptors) have changed it.
    pub fn metadata(&self) -> &MetadataMap {
        if let Some(changed) = &self.changed {
            return changed;
        }
        let ContextState { peer, entries, .. } = &*self.state;
        if entries.is_empty() {
            return &peer.metadata;
        }
        self.state.metadata.get_or_init(|| {
            let mut metadata = peer.metadata.clone();
            // A call's own metadata overrides that of its stream.
            replace_entries(&mut metadata, entries);
            metadata
        })
    }

    /// Returns the metadata that this handle shows, to be changed. Other handles to the call do not show the changes.
    pub(super) fn metadata_mut(&mut self) -> &mut MetadataMap {
        if self.changed.is_none() {
            self.changed = Some(Arc::new(self.metadata().clone()));
        }
        Arc::make_mut(self.changed.get_or_insert_default())
    }

    /// Returns the id of the caller, if it is a member of the [`System`](crate::System) that this server belongs to.
    ///
    /// Without TLS, a client that claims a member's id is believed. Members call themselves, too: then the id is the
    /// system's own.
    pub fn peer(&self) -> Option<NodeId> {
        self.state.peer.member
    }

    /// Returns the id that the caller says it has, whether it is a member or not. `None` if it says none, or if this
    /// server does not belong to a [`System`](crate::System).
    ///
    /// For protocols by which the members change: a process that was away when they did is called by members that it does
    /// not know yet. Without TLS, the caller is believed. With it, a certificate has to prove the id by its URI or by the
    /// rule of [`SystemBuilder::identify_by`](crate::SystemBuilder::identify_by); that of one who is no member
    /// cannot prove it by its host.
    pub fn claimed_id(&self) -> Option<NodeId> {
        let stranger = || self.extensions().get().map(|&Stranger(id)| id);
        self.peer().or_else(stranger)
    }

    /// Returns the configuration of all members of the [`System`](crate::System) that this server belongs to, this process
    /// included, as there are now. `None` if the server is not that of a system.
    pub fn configuration(&self) -> Option<Configuration> {
        let members: Option<&Membership> = self.extensions().get();
        members.map(Membership::now)
    }

    /// Returns the caller as a node on which the handler can call it back, if the caller [accepts
    /// calls](crate::ManagerBuilder::serve) and the server [makes them](crate::Server::clients).
    ///
    /// A member of a system has an address of its own, and is called through the system's
    /// [configuration](crate::System::configuration).
    pub fn caller(&self) -> Option<&Node> {
        let caller = self.state.peer.extensions.get();
        caller.map(|Caller(node)| node)
    }

    /// Returns the address that the call came from; `None` if the connection has none, such as one in memory.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.state.peer.address
    }

    /// Returns the certificates that the caller presented, its own first. `None` if it presented none or does not use TLS.
    ///
    /// If the server's credentials have authorities, it has verified that one of them signed the first certificate, and the
    /// caller has its key. In a [tonic server of your own](crate::server::Router), it is that server's
    /// `client_ca_root`, and malformed certificates are none. Needs the crate's feature `tls-ring` or `tls-aws-lc`.
    ///
    /// ```
    /// use gorums_runtime::Context;
    /// use gorums_runtime::tonic::Status;
    ///
    /// fn check(ctx: &Context) -> Result<(), Status> {
    ///     let own = ctx.peer_certificates().and_then(<[_]>::first);
    ///     match own.and_then(|own| own.common_name()) {
    ///         Some("operator") => Ok(()),
    ///         _ => Err(Status::permission_denied("for operators only")),
    ///     }
    /// }
    /// ```
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn peer_certificates(&self) -> Option<&[PeerCertificate]> {
        match self.state.peer.certificates() {
            [] => None,
            certificates => Some(certificates),
        }
    }

    /// Returns what the server's layers and interceptors attached to the request.
    pub fn extensions(&self) -> &Extensions {
        &self.state.peer.extensions
    }

    /// Returns the time until the caller's deadline or the end of the [replica's
    /// timeout](crate::server::ReplicaServer::timeout), whichever comes first. Zero once it has passed; `None` if there
    /// is neither.
    pub fn remaining(&self) -> Option<Duration> {
        self.state.deadline.remaining()
    }

    /// Returns whether the caller no longer waits: it cancelled the call, its connection broke, or the deadline passed.
    pub fn is_cancelled(&self) -> bool {
        self.is_abandoned() || self.state.deadline.has_passed()
    }

    /// Waits until the call is cancelled, as [`is_cancelled`](Self::is_cancelled) defines. Never completes if the call
    /// is answered before that.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped, and the method called again.
    pub async fn cancelled(&self) {
        tokio::select! {
            () = self.state.abandoned.wait() => {}
            () = self.state.deadline.alarm() => {}
        }
    }

    /// Runs `future` as a part of this call: the calls that it makes inherit from this one, as those of its handler do.
    /// For work that the handler spawns as a task of its own.
    ///
    /// Calls that a handler makes are nested in the call that it serves: they end at its deadline at the latest, and
    /// are withdrawn when its caller gives up, unless they are [independent](crate::CallOptions::independent). Metadata
    /// is not forwarded.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Serving::new(Arc::clone(&self.state) as _, Span::current(), future)
    }

    /// Makes `parent` that of the handler's span.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn set_parent(&mut self, parent: opentelemetry::Context) {
        self.parent = Some(parent);
    }

    /// Runs the handler of the call.
    pub(super) fn serve<F>(self, handler: F) -> Handler<F> {
        let span = telemetry::handler_span(self.state.method, self.state.peer.member);
        #[cfg(feature = "opentelemetry")]
        if let Some(parent) = self.parent {
            use tracing_opentelemetry::OpenTelemetrySpanExt;
            // Without the layer of OpenTelemetry, or if it leaves the span out, there is nothing to trace.
            let _ = span.set_parent(parent);
        }
        let serving = Serving::new(self.state, span, handler);
        #[cfg(feature = "metrics")]
        return Timed::new(serving);
        #[cfg(not(feature = "metrics"))]
        serving
    }

    /// Records that the caller no longer waits.
    pub(crate) fn abandon(&self) {
        self.state.abandoned.set();
    }

    /// Returns whether [`abandon`](Self::abandon) was called.
    pub(super) fn is_abandoned(&self) -> bool {
        self.state.abandoned.is_set()
    }
}

impl Served for ContextState {
    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.is_set()
    }

    fn abandoned(self: Arc<Self>) -> BoxFuture<'static, ()> {
        async move { self.abandoned.wait().await }.boxed()
    }

    #[cfg(feature = "metrics")]
    fn timer(&self) -> Option<&HandlerTimer> {
        Some(&self.timer)
    }
}

/// Whether the caller has given up. Cheap to create, because most calls end before a handler asks.
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
        // Created before the check, so that a `set` between the two is not missed.
        let set = self.set.notified();
        if !self.is_set() {
            set.await;
        }
    }
}

/// A handler's turn on a node stream. While it lasts, the next request waits.
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
