//! A replica whose handlers do what their requests say, with methods of all shapes.

use std::sync::Arc;

use gorums_runtime::errors::NodeError;
use gorums_runtime::server::Router;
use gorums_runtime::{Context, Manager, NodeChannel, ReplySink, Transport};
use tokio::sync::{Notify, mpsc};
use tonic::{Status, Streaming};

use crate::golden::one_way::Entry;
use crate::golden::one_way::one_way_gorums::{OneWayReplica, OneWayReplicaServer};
use crate::golden::streaming::transfer_client::TransferClient;
use crate::golden::streaming::transfer_gorums::{
    TransferNode, TransferReplica, TransferReplicaServer,
};
use crate::golden::streaming::{Chunk, Receipt};
use crate::network::Network;
use crate::waiting::Events;

/// Does what the content of a chunk says, and reports it.
#[derive(Clone, Debug)]
pub struct Replica {
    events: mpsc::UnboundedSender<String>,
    /// Releases a handler that waits.
    pub go_on: Arc<Notify>,
}

impl Replica {
    /// A replica and its events.
    pub fn new() -> (Self, Events<String>) {
        let (events, told) = Events::channel();
        let go_on = Arc::default();
        (Self { events, go_on }, told)
    }

    fn tell(&self, event: impl Into<String>) {
        // The test may have ended.
        let _ = self.events.send(event.into());
    }
}

impl TransferReplica for Replica {
    async fn send(&self, ctx: &Context, request: Chunk) -> Result<Receipt, Status> {
        match request.content.as_slice() {
            b"panic" => panic!("as asked"),
            b"fail" => return Err(Status::aborted("as asked")),
            b"metadata" => {
                let note = ctx.metadata().get("note").expect("a note");
                self.tell(note.to_str().expect("ASCII"));
            }
            b"remaining" => self.tell(format!("{:?}", ctx.remaining())),
            b"method" => self.tell(ctx.method().path()),
            b"wait for the caller" => {
                assert!(!ctx.is_cancelled());
                self.tell("waiting");
                ctx.cancelled().await;
                assert!(ctx.is_cancelled());
                self.tell("the caller gave up");
            }
            b"wait to go on" => {
                ctx.release();
                self.tell("waiting");
                self.go_on.notified().await;
                self.tell("went on to the end");
            }
            _ => {}
        }
        Ok(Receipt {
            length: request.content.len() as u64,
        })
    }

    async fn upload(&self, _: &Context, mut requests: Streaming<Chunk>) -> Result<Receipt, Status> {
        let mut length = 0;
        while let Some(chunk) = requests.message().await? {
            length += chunk.content.len() as u64;
        }
        Ok(Receipt { length })
    }

    /// Sends the requested number of chunks, and then an error.
    async fn download(
        &self,
        ctx: &Context,
        request: Receipt,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        for sent in 0..request.length {
            let content = vec![0; 1024];
            if let Err(status) = replies.send(Chunk { content }).await {
                assert!(ctx.is_cancelled());
                self.tell(format!("{:?}", status.code()));
                return Err(status);
            }
            self.tell(format!("sent {sent}"));
        }
        Err(Status::out_of_range("no more"))
    }

    async fn exchange(
        &self,
        _: &Context,
        mut requests: Streaming<Chunk>,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        while let Some(mut chunk) = requests.message().await? {
            chunk.content.reverse();
            replies.send(chunk).await?;
        }
        Ok(())
    }

    async fn confirm(&self, _: &Context, request: Receipt) -> Result<Receipt, Status> {
        Ok(request)
    }
}

impl OneWayReplica for Replica {
    async fn append(&self, ctx: &Context, request: Entry) {
        match request.text.as_str() {
            "panic" => panic!("as asked"),
            "wait" => {
                self.tell("waiting");
                self.go_on.notified().await;
            }
            _ => {}
        }
        self.tell(format!("{} {}", request.text, ctx.is_cancelled()));
    }

    async fn append_per_node(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }

    async fn append_in_order(&self, _: &Context, request: Entry) {
        assert_ne!(request.text, "panic", "as asked");
        self.tell(request.text);
    }

    async fn append_in_order_per_node(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }

    async fn append_to(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }

    async fn notify(&self, _: &Context, request: Entry) {
        self.tell(request.text);
    }
}

/// One replica in memory.
#[derive(Debug)]
pub struct Fixture {
    /// The manager of its node.
    pub manager: Manager,
    /// Its node.
    pub node: TransferNode,
    /// The replica.
    pub replica: Replica,
    /// Its events.
    pub events: Events<String>,
}

impl Fixture {
    /// Starts it, called over `transport`.
    pub async fn start(transport: Transport) -> Self {
        let (replica, events) = Replica::new();
        let services = Router::new()
            .add_replica(TransferReplicaServer::new(replica.clone()))
            .add_replica(OneWayReplicaServer::new(replica.clone()));
        let network = Network::new(transport);
        network.serve(1, services);
        let manager = network.manager(1).connect().await.expect("it is up");
        let node = manager.node(Network::id(1)).expect("the node");
        Self {
            manager,
            node: TransferNode::new(node),
            replica,
            events,
        }
    }

    /// The connection to it.
    pub fn channel(&self) -> NodeChannel {
        self.node.as_node().channel()
    }

    /// Any gRPC client.
    pub fn client(&self) -> TransferClient<NodeChannel> {
        TransferClient::new(self.channel())
    }

    /// The next event of the replica.
    pub async fn event(&mut self) -> String {
        self.events.next().await
    }

    /// Sends it a chunk.
    pub async fn send(&self, content: &str) -> Result<Receipt, NodeError> {
        self.node.send(chunk(content)).await
    }
}

/// A chunk of this content.
pub fn chunk(content: &str) -> Chunk {
    Chunk {
        content: content.into(),
    }
}
