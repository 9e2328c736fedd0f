//! A replica that answers correctly, if slowly.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use gorums_runtime::errors::ServerError;
use gorums_runtime::{Context, ReplySink, Server};
use tests::numbered::numbered_gorums::{NumberedReplica, NumberedReplicaServer};
use tests::numbered::{Reply, Request};
use tonic::Status;

/// Handles each request after a random time of up to `delay`.
struct Replica {
    delay: Duration,
}

/// Serves until the process is killed. A panic ends the process.
pub(crate) async fn serve(address: SocketAddr, delay: Duration) -> Result<(), Box<dyn Error>> {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    // The process that this one replaces may still use the address.
    for _ in 0..50 {
        let server = Server::new(NumberedReplicaServer::new(Replica { delay }));
        match server.bind(address.to_string()).await {
            Ok(bound) => return Ok(bound.serve().await?),
            Err(ServerError::Bind { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("{address} stays in use").into())
}

impl Replica {
    async fn wait(&self, ctx: &Context) {
        if self.delay.is_zero() {
            return;
        }
        // Half of the handlers block those after them.
        if fastrand::bool() {
            ctx.release();
        }
        let delay = self.delay.mul_f64(fastrand::f64());
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = ctx.cancelled() => {}
        }
    }

    async fn handle(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.wait(ctx).await;
        Ok(reply(&request))
    }
}

fn reply(request: &Request) -> Reply {
    Reply {
        number: request.number,
        padding: vec![0; request.size as usize],
    }
}

impl NumberedReplica for Replica {
    async fn call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn concurrent_call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn unicast(&self, ctx: &Context, _: Request) {
        self.wait(ctx).await;
    }

    async fn multicast(&self, ctx: &Context, _: Request) {
        self.wait(ctx).await;
    }

    async fn multicast_stream(&self, ctx: &Context, _: Request) {
        self.wait(ctx).await;
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

    /// Streams 1 to 8 replies.
    async fn watch(
        &self,
        ctx: &Context,
        request: Request,
        replies: ReplySink<Reply>,
    ) -> Result<(), Status> {
        self.wait(ctx).await;
        for _ in 0..=request.number % 8 {
            replies.send(reply(&request)).await?;
        }
        Ok(())
    }
}
