//! The client, as the harness's workload uses it.

use std::time::Duration;

use abd::proto::registers_gorums::RegistersConfiguration;
use abd::{Client, Flaw};
use gorums_runtime::quorum::ReadWrite;
use gorums_runtime::{CallOptions, Manager};
use harness::workload::{self, Operation, Outcome};

/// How long each phase may take.
const TIMEOUT: Duration = Duration::from_millis(300);

/// A client of registers whose values are numbers.
pub(crate) struct Registers(Client);

impl Registers {
    /// A client of all replicas.
    pub(crate) fn new(manager: &Manager, flaw: Option<Flaw>) -> Self {
        let replicas = manager.configuration();
        let quorums = ReadWrite::of_writes(replicas.majority());
        let options = CallOptions::new().timeout(TIMEOUT);
        let replicas = RegistersConfiguration::new(replicas).with_options(options);
        // Some number that no other client has.
        let id = fastrand::u64(1..);
        Self(Client::new(id, replicas, quorums).with_flaw(flaw))
    }
}

impl workload::Client for Registers {
    async fn perform(&self, operation: Operation) -> Option<Outcome> {
        match operation {
            Operation::Read(key) => {
                let value = self.0.read(&key.to_string()).await.ok()?;
                let value =
                    value.map_or(0, |value| value.parse().expect("only numbers are written"));
                Some(Outcome::Read(value))
            }
            Operation::Write(key, value) => {
                let written = self.0.write(&key.to_string(), &value.to_string()).await;
                written.ok().map(|()| Outcome::Written)
            }
            Operation::CompareAndSwap { .. } => unreachable!("the workload has none"),
        }
    }
}
