//! Replicas of the numbered service whose handlers are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gorums_runtime::server::{Router, StreamLimits};
use gorums_runtime::{Context, ReplySink};
use tests::numbered::numbered_gorums::{NumberedReplica, NumberedReplicaServer};
use tests::numbered::{Reply, Request, Wish};
use tests::replica::Gate;
use tonic::Status;

/// The text of a panic that a request wishes for.
pub(crate) const WISHED: &str = "as wished";

/// The longest padding of a reply.
pub(crate) const MOST_PADDING: u32 = 100_000;

/// The largest number of replies in a stream.
pub(crate) const MOST_REPLIES: u32 = 1000;

/// How long a request waits for its cancellation.
const PATIENCE: Duration = Duration::from_secs(1);

/// A replica that does what each request wishes.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// Opens for the requests that wish to wait.
    pub(crate) gate: Gate,
    live: Arc<AtomicUsize>,
}

/// A handler that has not ended.
struct Handler(Arc<AtomicUsize>);

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Replica {
    pub(crate) fn new() -> Self {
        Self {
            gate: Gate::closed(),
            live: Arc::default(),
        }
    }

    /// The router that serves it.
    pub(crate) fn router(&self, limits: StreamLimits) -> Router {
        Router::new()
            .stream_limits(limits)
            .add_replica(NumberedReplicaServer::new(self.clone()))
    }

    /// How many handlers have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Handler {
        self.live.fetch_add(1, Ordering::Relaxed);
        Handler(Arc::clone(&self.live))
    }

    async fn handle(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        let _handler = self.enter();
        self.fulfil(ctx, &request).await;
        Ok(Reply {
            number: request.number,
            padding: vec![0; request.size.min(MOST_PADDING) as usize],
        })
    }

    async fn fulfil(&self, ctx: &Context, request: &Request) {
        // The metadata is parsed when it is first read.
        let _ = ctx.metadata();
        match request.wish() {
            Wish::Answer => {}
            Wish::Wait => self.wait(ctx).await,
            Wish::Release => {
                ctx.release();
                self.wait(ctx).await;
            }
            Wish::Panic => panic!("{WISHED}"),
            Wish::Cancelled => {
                let _ = tokio::time::timeout(PATIENCE, ctx.cancelled()).await;
            }
        }
    }

    async fn wait(&self, ctx: &Context) {
        tokio::select! {
            () = self.gate.pass() => {}
            () = ctx.cancelled() => {}
        }
    }
}

impl NumberedReplica for Replica {
    async fn call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn concurrent_call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn unicast(&self, ctx: &Context, request: Request) {
        let _handler = self.enter();
        self.fulfil(ctx, &request).await;
    }

    async fn multicast(&self, ctx: &Context, request: Request) {
        self.unicast(ctx, request).await;
    }

    async fn multicast_stream(&self, ctx: &Context, request: Request) {
        self.unicast(ctx, request).await;
    }

    async fn quorum(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn aggregate(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn r#async(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn watch(
        &self,
        ctx: &Context,
        request: Request,
        replies: ReplySink<Reply>,
    ) -> Result<(), Status> {
        let _handler = self.enter();
        for _ in 0..request.size.min(MOST_REPLIES) {
            let number = request.number;
            let padding = Vec::new();
            replies.send(Reply { number, padding }).await?;
        }
        self.fulfil(ctx, &request).await;
        Ok(())
    }
}
