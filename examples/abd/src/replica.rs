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

#[cfg(test)]
mod tests {
    use harness::disk::SimulatedDisk;

    use super::*;
    use crate::proto::Tag;

    fn store(number: u64, writer: u64) -> StoreRequest {
        let stored = Stored {
            tag: Some(Tag { number, writer }),
            value: format!("{number} by {writer}"),
        };
        StoreRequest {
            key: "k".to_owned(),
            stored: Some(stored),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn values_in_any_order_and_twice_leave_the_one_with_the_greatest_tag() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut stores: Vec<_> = (0..8).map(|at| store(at / 2, at % 2)).collect();
            stores.extend_from_within(..);
            rng.shuffle(&mut stores);
            let disk = SimulatedDisk::new(seed);
            let replica = Replica::new(disk.open()).expect("it is empty");
            let mut greatest = (0, 0);
            for store in stores {
                greatest = greatest.max(store.stored.as_ref().expect("it has one").order());
                let kept = replica.keep(store).durable().await.expect("it is written");
                assert_eq!(kept.order(), greatest, "SEED={seed}");
            }
            let again = Replica::new(disk.open()).expect("it has written that");
            let kept = again.lock()["k"].clone();
            assert_eq!(kept.stored.value, "3 by 1");
        }
    }

    #[tokio::test]
    async fn a_disk_that_no_replica_has_written_is_refused() {
        let disk = Disk::in_memory();
        let written = disk.commit(Batch::new().put("k", "no message"));
        written.await.expect("it is written");
        let error = Replica::new(disk).expect_err("the value is broken");
        assert!(matches!(error, ReplicaError::Value(_)), "{error}");
    }
}
