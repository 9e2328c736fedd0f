//! Clients that read and write registers at random, and record what they see.

use std::time::Duration;

use fastrand::Rng;

use crate::history::{History, Recorder};
use crate::linearizability::{CheckError, check};
use crate::registers::{self, Registers};

/// An operation on a register. Each write has a value of its own, so that a read tells which write it saw.
pub type Operation = registers::Operation<u32, u64>;

/// What an operation returns. A register that was never written has the value 0.
pub type Outcome = registers::Outcome<u64>;

/// A client of replicated registers.
pub trait Client: Send + Sync + 'static {
    /// Performs an operation. `None` if nobody knows whether it has taken effect, after a time-out for instance.
    fn perform(&self, operation: Operation) -> impl Future<Output = Option<Outcome>> + Send;
}

/// What a number of clients do.
#[derive(Clone, Debug)]
pub struct Workload {
    /// How many clients there are.
    pub clients: u32,
    /// How many registers they use.
    pub keys: u32,
    /// Whether they compare and swap, besides reading and writing.
    pub swaps: bool,
    /// How long a client waits at most before its next operation.
    pub pause: Duration,
}

impl Default for Workload {
    /// 4 clients of 2 registers, without compare-and-swap, that wait up to 20 ms.
    fn default() -> Self {
        Self {
            clients: 4,
            keys: 2,
            swaps: false,
            pause: Duration::from_millis(20),
        }
    }
}

/// The operations of all clients of one workload. Clones share them.
#[derive(Clone, Debug)]
pub struct Session {
    workload: Workload,
    recorder: Recorder<Operation, Outcome>,
}

impl Session {
    /// A session without operations.
    pub fn new(workload: Workload) -> Self {
        Self {
            workload,
            recorder: Recorder::new(),
        }
    }

    /// Performs operations of one client, one after another, for ever. Drop the future to end it: the operation in flight
    /// is lost.
    pub async fn run(&self, number: u32, mut rng: Rng, client: &impl Client) {
        // Values of different clients differ, and none is 0.
        let mut value = u64::from(number) << 32;
        let mut seen = vec![0; self.workload.keys as usize];
        loop {
            tokio::time::sleep(self.workload.pause.mul_f64(rng.f64())).await;
            let key = rng.u32(..self.workload.keys);
            value += 1;
            let operation = match rng.u32(..if self.workload.swaps { 4 } else { 3 }) {
                0 | 1 => Operation::Read(key),
                2 => Operation::Write(key, value),
                _ => Operation::CompareAndSwap {
                    key,
                    expected: seen[key as usize],
                    new: value,
                },
            };
            if let Some(Outcome::Read(read)) = self.perform(number, client, operation).await {
                seen[key as usize] = read;
            }
        }
    }

    /// Reads each register, and tries again until all reads have returned.
    pub async fn read_all(&self, number: u32, client: &impl Client) {
        for key in 0..self.workload.keys {
            while self
                .perform(number, client, Operation::Read(key))
                .await
                .is_none()
            {
                tokio::time::sleep(self.workload.pause).await;
            }
        }
    }

    /// Checks that what has been recorded so far is linearizable.
    ///
    /// # Errors
    ///
    /// Those of [`check`].
    pub fn check(&self) -> Result<(), CheckError> {
        let registers = Registers::new(0);
        check(&registers.settle(&self.history()), &registers)
    }

    /// What has been recorded so far.
    pub fn history(&self) -> History<Operation, Outcome> {
        self.recorder.history()
    }

    async fn perform(
        &self,
        number: u32,
        client: &impl Client,
        operation: Operation,
    ) -> Option<Outcome> {
        let pending = self.recorder.invoke(number.into(), operation.clone());
        let outcome = client.perform(operation).await;
        match &outcome {
            Some(outcome) => pending.returned(outcome.clone()),
            None => pending.lost(),
        }
        outcome
    }
}
