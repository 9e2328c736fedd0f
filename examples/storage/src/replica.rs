//! One replica: a plain tonic service.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gorums_runtime::prost_types::Timestamp;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::error::Error;
use crate::proto::storage_server::{Storage, StorageServer};
use crate::proto::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use crate::quorum::written_at;

/// The registers that one replica keeps.
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
    fn registers(&self) -> MutexGuard<'_, HashMap<String, Register>> {
        // Each change is one insertion, so a panic elsewhere leaves nothing half done.
        self.registers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl Storage for Replica {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let register = self.registers().get(&request.get_ref().key).cloned();
        Ok(Response::new(match register {
            Some(Register { value, time }) => ReadResponse {
                ok: true,
                value,
                time,
            },
            None => ReadResponse::default(),
        }))
    }

    async fn write(
        &self,
        request: Request<WriteRequest>,
    ) -> Result<Response<WriteResponse>, Status> {
        let WriteRequest { key, value, time } = request.into_inner();
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
        Ok(Response::new(WriteResponse { new }))
    }
}

/// Listens on `address`.
pub(crate) async fn listen(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen {
            address: address.to_string(),
            source,
        })
}

/// Serves a new replica on `listener` until `stop` completes.
pub(crate) async fn serve_on(
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .add_service(StorageServer::new(Replica::default()))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop)
        .await
}

/// Runs a replica on `address` until the process is interrupted.
pub(crate) async fn serve(address: &str) -> Result<(), Error> {
    let listener = listen(address).await?;
    let bound = listener.local_addr().map_err(|source| Error::Listen {
        address: address.to_string(),
        source,
    })?;
    println!("serving on {bound}");
    serve_on(listener, async {
        // Without a handler for the signal the process ends by it, which is as good.
        let _ = tokio::signal::ctrl_c().await;
    })
    .await?;
    Ok(())
}
