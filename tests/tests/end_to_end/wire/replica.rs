//! Replicas of the storage service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::testing::{Replicas, replicas};
use gorums_runtime::{Context, ReplySink};
use tests::golden::proto::storage_gorums::{StorageReplica, StorageReplicaServer};
use tests::golden::proto::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use tests::replica::Gate;
use tokio::sync::mpsc;
use tonic::Status;

/// A storage. Some keys make a read special:
///
/// * `hold` waits for the gate,
/// * `wait` is released, and waits until it is cancelled,
/// * `release and hold` is released, and waits for the gate,
/// * `stay` waits until it is cancelled, without being released,
/// * `fail` fails,
/// * `context` and `metadata` report what the handler knows of its call.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    values: Arc<Mutex<HashMap<String, WriteRequest>>>,
    pub(crate) gate: Gate,
    events: mpsc::UnboundedSender<String>,
}

/// The events of a replica.
pub(crate) type Events = tests::waiting::Events<String>;

impl Replica {
    /// A replica with nothing stored, and its events.
    pub(crate) fn new() -> (Self, Events) {
        let (events, told) = Events::channel();
        let replica = Self {
            values: Arc::default(),
            gate: Gate::closed(),
            events,
        };
        (replica, told)
    }

    /// Starts it.
    pub(crate) async fn start(&self) -> Replicas {
        let started = replicas(1, |_| StorageReplicaServer::new(self.clone())).await;
        started.expect("a replica")
    }

    fn tell(&self, event: impl Into<String>) {
        // The test may have ended.
        let _ = self.events.send(event.into());
    }

    async fn read(&self, ctx: &Context, key: &str) -> Result<ReadResponse, Status> {
        match key {
            "hold" => {
                self.tell("holding");
                self.gate.pass().await;
            }
            "wait" => {
                ctx.release();
                self.tell("waiting");
                ctx.cancelled().await;
                self.tell("cancelled");
            }
            "release and hold" => {
                ctx.release();
                self.tell("holding");
                self.gate.pass().await;
            }
            "metadata" => self.tell(format!("{:?}", ctx.metadata())),
            "stay" => {
                self.tell("staying");
                ctx.cancelled().await;
                self.tell("cancelled");
            }
            "fail" => return Err(Status::aborted("as asked")),
            "context" => {
                let trace = ctx.metadata().get("trace");
                self.tell(format!("{trace:?} {:?}", ctx.remaining()));
            }
            _ => {}
        }
        let values = self.values.lock().expect("not poisoned");
        Ok(match values.get(key) {
            Some(stored) => ReadResponse {
                ok: true,
                value: stored.value.clone(),
                time: stored.time,
            },
            None => ReadResponse::default(),
        })
    }

    /// Stores what is newer than what is stored.
    pub(crate) fn write(&self, request: WriteRequest) -> WriteResponse {
        let age = |time: Option<Timestamp>| time.map(|time| (time.seconds, time.nanos));
        let mut values = self.values.lock().expect("not poisoned");
        let stored = values.get(&request.key);
        let new = stored.is_none_or(|stored| age(request.time) > age(stored.time));
        if new {
            values.insert(request.key.clone(), request);
        }
        WriteResponse { new }
    }
}

impl StorageReplica for Replica {
    async fn read_rpc(&self, ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        self.read(ctx, &request.key).await
    }

    async fn write_rpc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_qc(&self, ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        self.read(ctx, &request.key).await
    }

    async fn write_qc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_correctable(
        &self,
        ctx: &Context,
        request: ReadRequest,
        replies: ReplySink<ReadResponse>,
    ) -> Result<(), Status> {
        replies.send(crate::wire::value("first")).await?;
        let last = self.read(ctx, &request.key).await?;
        let sent = replies.send(last).await;
        self.tell(format!("sent: {}", sent.is_ok()));
        sent
    }

    async fn write_unicast(&self, _: &Context, request: WriteRequest) {
        self.tell(format!("unicast {}", request.value));
        self.write(request);
    }

    async fn write_multicast(&self, _: &Context, request: WriteRequest) {
        self.tell(format!("multicast {}", request.value));
        self.write(request);
    }
}
