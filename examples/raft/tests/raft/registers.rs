//! The client, as the harness's workload uses it.

use std::time::Duration;

use gorums_runtime::Manager;
use harness::workload::{self, Operation, Outcome};
use raft::Client;
use raft::proto::clients_gorums::ClientsConfiguration;

/// How long each operation may take.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// A client of keys whose values are numbers.
pub(crate) struct Registers(Client);

impl Registers {
    /// A client of all servers.
    pub(crate) fn new(manager: &Manager) -> Self {
        let servers = ClientsConfiguration::new(manager.configuration());
        Self(Client::new(servers, TIMEOUT))
    }
}

impl workload::Client for Registers {
    async fn perform(&self, operation: Operation) -> Option<Outcome> {
        match operation {
            Operation::Read(key) => {
                let value = self.0.get(&key.to_string()).await.ok()?;
                let number = |value: String| value.parse().expect("only numbers are written");
                Some(Outcome::Read(value.map_or(0, number)))
            }
            Operation::Write(key, value) => {
                let written = self.0.put(&key.to_string(), &value.to_string()).await;
                written.ok().map(|()| Outcome::Written)
            }
            Operation::CompareAndSwap { key, expected, new } => {
                let expected = (expected > 0).then(|| expected.to_string());
                let (key, new) = (key.to_string(), new.to_string());
                let swapped = self.0.compare_and_swap(&key, expected.as_deref(), &new);
                swapped.await.ok().map(Outcome::Swapped)
            }
        }
    }
}
