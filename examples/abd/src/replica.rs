//! A replica: keys to values with tags, on disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::Shared;
use gorums_runtime::Context;
use gorums_runtime::prost::{DecodeError, Message};
use gorums_runtime::tonic::Status;
use harness::disk::{Batch, Disk, DiskError, Durable};

use crate::flaw::Flaw;
use crate::proto::registers_gorums::RegistersReplica;
use crate::proto::{QueryRequest, StoreRequest, StoreResponse, Stored};

/// A replica of all registers.
#[derive(Debug)]
pub struct Replica {
    registers: Mutex<HashMap<String, Register>>,
    disk: Disk,
    flaw: Option<Flaw>,
}

/// What a replica has for one key.
#[derive(Clone, Debug, Default)]
struct Register {
    stored: Stored,
    /// Ready when the value is on disk. `None` if it was there from the start.
    durable: Option<Shared<Durable>>,
}

/// Why a replica cannot begin with what is on its disk.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The disk cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A key is not text.
    #[error("a key is not text: {0}")]
    Key(#[from] std::string::FromUtf8Error),
    /// A value is not one that a replica has written.
    #[error("a value is broken: {0}")]
    Value(#[from] DecodeError),
}

impl Replica {
    /// A replica that goes on with what is on its disk.
    ///
    /// # Errors
    ///
    /// See [`ReplicaError`].
    pub fn new(disk: Disk) -> Result<Self, ReplicaError> {
        let registers = disk.load()?.into_iter().map(|(key, value)| {
            let register = Register {
                stored: Stored::decode(&*value)?,
                durable: None,
            };
            Ok((String::from_utf8(key)?, register))
        });
        Ok(Self {
            registers: Mutex::new(registers.collect::<Result<_, ReplicaError>>()?),
            disk,
            flaw: None,
        })
    }

    /// A replica that makes a mistake, for tests.
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        Self { flaw, ..self }
    }

    /// Keeps the value of the request, unless the replica has one with a greater tag. Returns what the replica has now.
    fn keep(&self, request: StoreRequest) -> Register {
        let stored = request.stored.unwrap_or_default();
        let mut registers = self.lock();
        let register = registers.entry(request.key.clone()).or_default();
        let is_newer = stored.order() > register.stored.order();
        if is_newer || self.flaw == Some(Flaw::AnyTag) {
            let batch = Batch::new().put(request.key, stored.encode_to_vec());
            let durable = self.disk.commit(batch).shared();
            *register = Register {
                stored,
                durable: Some(durable),
            };
        }
        register.clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Register>> {
        // No panic leaves the map half changed.
        let locked = self.registers.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    /// Waits until the value is on disk, and returns it.
    async fn durable(self) -> Result<Stored, Status> {
        if let Some(durable) = self.durable {
            let written = durable.await;
            written.map_err(|failed| Status::unavailable(failed.to_string()))?;
        }
        Ok(self.stored)
    }
}

impl RegistersReplica for Replica {
    async fn query(&self, ctx: &Context, request: QueryRequest) -> Result<Stored, Status> {
        let register = self.lock().get(&request.key).cloned().unwrap_or_default();
        if self.flaw == Some(Flaw::ShowBeforeDisk) {
            return Ok(register.stored);
        }
        ctx.release();
        register.durable().await
    }

    async fn store(&self, ctx: &Context, request: StoreRequest) -> Result<StoreResponse, Status> {
        let register = self.keep(request);
        if self.flaw != Some(Flaw::AckBeforeDisk) {
            // Later requests may be on disk together with this one.
            ctx.release();
            register.durable().await?;
        }
        Ok(StoreResponse {})
    }
}
