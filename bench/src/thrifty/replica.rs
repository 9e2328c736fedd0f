//! A replica whose replies are late now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use gorums_runtime::Context;
use gorums_runtime::tonic::Status;

use crate::args;
use crate::proto::Payload;
use crate::proto::reads_gorums::ReadsReplica;

/// Counts the requests of all replicas.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<AtomicU64>);

impl Requests {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Echoes, and delays a share of its replies at random.
pub(super) struct Replica {
    late_share: f64,
    late_by: Duration,
    random: Mutex<Rng>,
    requests: Requests,
}

impl Replica {
    /// The replica with this index. Each has random numbers of its own.
    pub(super) fn new(args: &args::Thrifty, index: u16, requests: Requests) -> Self {
        let seed = args.seed.wrapping_add(index.into());
        Self {
            late_share: args.late_share,
            late_by: Duration::from_millis(args.late_by),
            random: Mutex::new(Rng::with_seed(seed)),
            requests,
        }
    }

    fn is_late(&self) -> bool {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        random.f64() < self.late_share
    }
}

impl ReadsReplica for Replica {
    async fn read(&self, ctx: &Context, payload: Payload) -> Result<Payload, Status> {
        self.requests.0.fetch_add(1, Ordering::Relaxed);
        if self.is_late() {
            // The requests behind this one are not late.
            ctx.release();
            tokio::time::sleep(self.late_by).await;
        }
        Ok(payload)
    }
}
