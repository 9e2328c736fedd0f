//! One replica.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gorums_runtime::errors::ServerError;
use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::server::BoundServer;
use gorums_runtime::tonic::Status;
use gorums_runtime::{Context, ReplySink, Server};

use crate::proto::storage_gorums::{StorageReplica, StorageReplicaServer};
use crate::proto::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use crate::quorum::written_at;

/// The registers that one replica stores.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    registers: Mutex<HashMap<String, Register>>,
}

#[derive(Clone, Debug)]
struct Register {
    value: String,
    time: Option<Timestamp>,
}

impl Replica {
    fn read(&self, request: &ReadRequest) -> ReadResponse {
        match self.registers().get(&request.key).cloned() {
            Some(Register { value, time }) => ReadResponse {
                ok: true,
                value,
                time,
            },
            None => ReadResponse::default(),
        }
    }

    fn write(&self, request: WriteRequest) -> WriteResponse {
        let WriteRequest { key, value, time } = request;
        let register = Register { value, time };
        let new = match self.registers().entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(register);
                true
            }
            Entry::Occupied(mut entry) => {
                let newer = written_at(&register.time) > written_at(&entry.get().time);
                if newer {
                    entry.insert(register);
                }
                newer
            }
        };
        WriteResponse { new }
    }

    fn registers(&self) -> MutexGuard<'_, HashMap<String, Register>> {
        // A change is a single insertion, so a panic cannot leave it half done.
        self.registers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageReplica for Replica {
    async fn read_rpc(&self, _: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.read(&request))
    }

    async fn write_rpc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_qc(&self, _: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.read(&request))
    }

    async fn write_qc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_correctable(
        &self,
        _: &Context,
        request: ReadRequest,
        replies: ReplySink<ReadResponse>,
    ) -> Result<(), Status> {
        replies.send(self.read(&request)).await
    }

    async fn write_unicast(&self, _: &Context, request: WriteRequest) {
        self.write(request);
    }

    async fn write_multicast(&self, _: &Context, request: WriteRequest) {
        self.write(request);
    }
}

/// A server of a new replica, which listens on `address`.
pub(crate) async fn bind(address: &str) -> Result<BoundServer, ServerError> {
    let service = StorageReplicaServer::new(Replica::default());
    Server::new(service).bind(address).await
}

/// Runs a replica on `address` until the process is interrupted.
pub(crate) async fn serve(address: &str) -> Result<(), ServerError> {
    let server = bind(address).await?;
    println!("serving on {}", server.address());
    // Without a handler, the signal ends the process, which is fine.
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    server.serve_until(interrupted).await
}
