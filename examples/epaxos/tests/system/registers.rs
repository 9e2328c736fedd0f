//! The client, as the harness's workload uses it.

use std::time::Duration;

use epaxos::proto::map_gorums::MapConfiguration;
use epaxos::{Client, ClientError};
use gorums_runtime::Manager;
use harness::workload::{self, Operation, Outcome};

/// How long the client waits for one replica.
const TIMEOUT: Duration = Duration::from_millis(700);

/// A client of registers whose values are numbers.
pub(crate) struct Registers(Client);

impl Registers {
    /// A client of all replicas.
    pub(crate) fn new(manager: &Manager) -> Self {
        let replicas = MapConfiguration::new(manager.configuration());
        // Some number that no other client has.
        Self(Client::new(fastrand::u64(1..), replicas, TIMEOUT))
    }

    async fn outcome(&self, operation: Operation) -> Result<Outcome, ClientError> {
        match operation {
            Operation::Read(key) => {
                let value = self.0.get(&key.to_string()).await?;
                let number = value.map(|value| value.parse().expect("only numbers are written"));
                Ok(Outcome::Read(number.unwrap_or(0)))
            }
            Operation::Write(key, value) => {
                self.0.put(&key.to_string(), &value.to_string()).await?;
                Ok(Outcome::Written)
            }
            Operation::CompareAndSwap { key, expected, new } => {
                // A register that was never written has the value 0.
                let expected = (expected > 0).then(|| expected.to_string());
                let (key, new) = (key.to_string(), new.to_string());
                let swap = self.0.compare_and_swap(&key, expected.as_deref(), &new);
                Ok(Outcome::Swapped(swap.await?))
            }
        }
    }
}

impl workload::Client for Registers {
    async fn perform(&self, operation: Operation) -> Option<Outcome> {
        self.outcome(operation).await.ok()
    }
}
