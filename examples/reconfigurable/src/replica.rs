//! A replica: the registers of all algorithms, on disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::Shared;
use gorums_runtime::Context;
use gorums_runtime::prost::DecodeError;
use gorums_runtime::tonic::Status;
use harness::disk::{Batch, Disk, DiskError, Durable};

use crate::flaw::Flaw;
use crate::proto::register_gorums::RegisterReplica;
use crate::proto::{
    AcceptRequest, Algorithm, Collect, Collected, Known, LaProposal, NewCur, PrepareRequest,
    Promise, Proposal, Proposed, Read, Write, WriteNext,
};
use crate::register::Register;
use crate::request::Request;

/// A replica of the register.
#[derive(Debug)]
pub struct Replica {
    registers: Mutex<Registers>,
    disk: Disk,
    flaw: Option<Flaw>,
}

/// The state of a replica.
#[derive(Debug, Default)]
struct Registers {
    /// By algorithm.
    registers: HashMap<u8, Register>,
    /// Ready when all changes are on disk. `None` if there were none.
    durable: Option<Shared<Durable>>,
}

/// Why a replica cannot begin with what is on its disk.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The disk cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A record is not one that a replica has written.
    #[error("a record is broken: {0}")]
    Record(#[from] DecodeError),
}

impl Replica {
    /// A replica that goes on with what is on its disk.
    ///
    /// # Errors
    ///
    /// See [`ReplicaError`].
    pub fn new(disk: Disk) -> Result<Self, ReplicaError> {
        let mut records: HashMap<u8, Vec<_>> = HashMap::new();
        for (key, value) in disk.load()? {
            // The key begins with the algorithm.
            if let Some((algorithm, key)) = key.split_first() {
                let records = records.entry(*algorithm).or_default();
                records.push((key.to_vec(), value));
            }
        }
        let registers = records
            .into_iter()
            .map(|(algorithm, records)| Ok((algorithm, Register::load(records)?)));
        let registers = Registers {
            registers: registers.collect::<Result<_, ReplicaError>>()?,
            durable: None,
        };
        Ok(Self {
            registers: Mutex::new(registers),
            disk,
            flaw: None,
        })
    }

    /// A replica that makes a mistake, for tests.
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        Self { flaw, ..self }
    }

    /// Answers a request when all that the answer shows is on disk.
    async fn answer<R: Request>(&self, ctx: &Context, request: R) -> Result<R::Reply, Status> {
        let (reply, durable) = self.handle(request)?;
        // Later requests may be on disk together with this one.
        ctx.release();
        if let Some(durable) = durable {
            let written = durable.await;
            written.map_err(|failed| Status::unavailable(failed.to_string()))?;
        }
        Ok(reply)
    }

    fn handle<R: Request>(
        &self,
        request: R,
    ) -> Result<(R::Reply, Option<Shared<Durable>>), Status> {
        let algorithm = request.at().map_or(0, |at| at.algorithm);
        let algorithm = Algorithm::try_from(algorithm)
            .map_err(|unknown| Status::invalid_argument(format!("algorithm: {unknown}")))?;
        let algorithm = algorithm as u8;
        let mut locked = self.lock();
        let register = locked.registers.entry(algorithm);
        let register = register.or_insert_with(|| Register::default().with_flaw(self.flaw));
        let reply = request.handle(register);
        let reply = reply.map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
        let writes = register.take_writes();
        if !writes.is_empty() {
            let mut batch = Batch::new();
            for (key, value) in writes {
                let key = [&[algorithm], &*key].concat();
                batch = match value {
                    Some(value) => batch.put(key, value),
                    None => batch.delete(key),
                };
            }
            locked.durable = Some(self.disk.commit(batch).shared());
        }
        Ok((reply, locked.durable.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Registers> {
        // No panic leaves a register half changed.
        let locked = self.registers.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegisterReplica for Replica {
    async fn read_s(&self, ctx: &Context, request: Read) -> Result<Known, Status> {
        self.answer(ctx, request).await
    }

    async fn write_s(&self, ctx: &Context, request: Write) -> Result<Known, Status> {
        self.answer(ctx, request).await
    }

    async fn write_n(&self, ctx: &Context, request: WriteNext) -> Result<Known, Status> {
        self.answer(ctx, request).await
    }

    async fn set_cur(&self, ctx: &Context, request: NewCur) -> Result<Known, Status> {
        self.answer(ctx, request).await
    }

    async fn la_prop(&self, ctx: &Context, request: LaProposal) -> Result<Known, Status> {
        self.answer(ctx, request).await
    }

    async fn prepare(&self, ctx: &Context, request: PrepareRequest) -> Result<Promise, Status> {
        self.answer(ctx, request).await
    }

    async fn accept(&self, ctx: &Context, request: AcceptRequest) -> Result<Promise, Status> {
        self.answer(ctx, request).await
    }

    async fn propose(&self, ctx: &Context, request: Proposal) -> Result<Proposed, Status> {
        self.answer(ctx, request).await
    }

    async fn commit(&self, ctx: &Context, request: Collect) -> Result<Collected, Status> {
        self.answer(ctx, request).await
    }
}
