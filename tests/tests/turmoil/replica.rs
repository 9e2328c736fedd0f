//! Replicas that record what they handle.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures::stream::unfold;
use gorums_runtime::{Context, ReplySink, Server};
use tests::numbered::numbered_gorums::{NumberedReplica, NumberedReplicaServer};
use tests::numbered::{Reply, Request};
use tonic::Status;
use turmoil::net::TcpListener;

use super::PORT;
use super::connection::Connection;

/// Serves a replica until it crashes.
pub(super) async fn serve(number: u32, replica: Replica) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let incoming = unfold(listener, |listener| async move {
        let accepted = listener.accept().await;
        Some((accepted.map(|(stream, _)| Connection(stream)), listener))
    });
    let replica = NumberedReplicaServer::new(Replica { number, ..replica });
    let server = Server::new(replica);
    server
        .serve_connections(incoming, std::future::pending())
        .await?;
    Ok(())
}

/// The requests that each incarnation of each replica has handled on each connection, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    handled: Arc<Mutex<HashMap<Place, Vec<u64>>>>,
    lives: Arc<Mutex<u32>>,
}

/// A replica, its incarnation, and the client's end of a connection.
type Place = (u32, u32, Option<SocketAddr>);

impl History {
    /// A new incarnation of a replica.
    pub(super) fn start(&self) -> Replica {
        let mut lives = self.lives.lock().expect("not poisoned");
        *lives += 1;
        Replica {
            number: 0,
            life: *lives,
            history: self.clone(),
        }
    }

    /// Checks that requests were handled in their order on each connection.
    pub(super) fn check_order(&self) {
        for (connection, numbers) in &*self.handled.lock().expect("not poisoned") {
            let increasing = numbers.is_sorted_by(|before, after| before < after);
            assert!(increasing, "{connection:?} has seen {numbers:?}");
        }
    }

    /// Checks that no request was handled twice at a replica, whatever happened to the replica in between.
    pub(super) fn check_once(&self) {
        let handled = self.handled.lock().expect("not poisoned");
        assert!(!handled.is_empty(), "no replica handled a call");
        let mut seen = HashSet::new();
        for (connection, numbers) in &*handled {
            let twice = numbers
                .iter()
                .find(|number| !seen.insert((connection.0, **number)));
            assert_eq!(twice, None, "seen twice at {connection:?}");
        }
    }
}

/// A replica that records what it handles.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    number: u32,
    life: u32,
    history: History,
}

impl Replica {
    fn note(&self, ctx: &Context, request: Request) -> Reply {
        let connection = (self.number, self.life, ctx.peer_address());
        let mut handled = self.history.handled.lock().expect("not poisoned");
        handled.entry(connection).or_default().push(request.number);
        Reply {
            number: request.number,
            padding: Vec::new(),
        }
    }
}

impl NumberedReplica for Replica {
    async fn call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        Ok(self.note(ctx, request))
    }

    async fn concurrent_call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        Ok(self.note(ctx, request))
    }

    async fn unicast(&self, ctx: &Context, request: Request) {
        self.note(ctx, request);
    }

    async fn multicast(&self, ctx: &Context, request: Request) {
        self.note(ctx, request);
    }

    async fn multicast_stream(&self, ctx: &Context, request: Request) {
        self.note(ctx, request);
    }

    async fn quorum(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        Ok(self.note(ctx, request))
    }

    async fn aggregate(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        Ok(self.note(ctx, request))
    }

    async fn r#async(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        Ok(self.note(ctx, request))
    }

    async fn watch(
        &self,
        ctx: &Context,
        request: Request,
        replies: ReplySink<Reply>,
    ) -> Result<(), Status> {
        let reply = self.note(ctx, request);
        for _ in 0..request.size {
            replies.send(reply.clone()).await?;
        }
        Ok(())
    }
}
