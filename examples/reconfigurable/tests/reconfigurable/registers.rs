//! The client, as the harness's workload uses it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gorums_runtime::{CallOptions, Manager};
use harness::workload::{self, Outcome, Workload};
use reconfigurable::proto::{Algorithm, Blueprint};
use reconfigurable::{Client, Flaw, Network, Operation, Reconfigurable, Session};

/// How long each call may take.
const TIMEOUT: Duration = Duration::from_millis(300);

/// How many nodes there are, of which the first three are replicas at first.
pub(crate) const NODES: u32 = 7;

/// A register whose values are numbers, and which is reconfigured now and then.
pub(crate) struct Registers {
    client: Client<Network>,
    /// What this client still has to change.
    change: Mutex<Option<Blueprint>>,
}

/// Makes clients, each with a change of its own. Two of them replace all replicas.
pub(crate) fn clients(algorithm: Algorithm, flaw: Option<Flaw>) -> impl Fn(Manager) -> Registers {
    let last = AtomicU32::new(0);
    move |manager| {
        let number = last.fetch_add(1, Ordering::Relaxed) + 1;
        let network = Network::new(manager, CallOptions::new().timeout(TIMEOUT));
        // Some number that no other client has.
        let id = fastrand::u64(1..);
        let session = Session::new(id, network, Blueprint::of(1..=3)).with_flaw(flaw);
        let change = match number {
            1 => Blueprint::change([4, 5], [1, 2, 3]),
            2 => Blueprint::change([5], [2]),
            3 => Blueprint::change([6, 7], [1, 2, 3]),
            _ => Blueprint::of([7]),
        };
        Registers {
            client: Client::new(algorithm, session),
            change: Mutex::new(Some(change)),
        }
    }
}

/// One register.
pub(crate) fn workload() -> Workload {
    Workload {
        keys: 1,
        ..Workload::default()
    }
}

impl Registers {
    /// Now and then makes this client's change, until it is made.
    async fn reconfigure(&self) {
        let change = self.change.lock().expect("nobody panics with it").clone();
        let Some(change) = change.filter(|_| fastrand::u32(..10) == 0) else {
            return;
        };
        if self.client.reconfigure(change).await.is_ok() {
            *self.change.lock().expect("nobody panics with it") = None;
        }
    }
}

impl workload::Client for Registers {
    async fn perform(&self, operation: workload::Operation) -> Option<Outcome> {
        self.reconfigure().await;
        match operation {
            workload::Operation::Read(_) => {
                let value = self.client.read().await.ok()?;
                let value = value.map_or(0, |it| it.parse().expect("only numbers are written"));
                Some(Outcome::Read(value))
            }
            workload::Operation::Write(_, value) => {
                let write = Operation::Write(value.to_string());
                let written = self.client.perform(write).await;
                written.ok().map(|_| Outcome::Written)
            }
            workload::Operation::CompareAndSwap { .. } => unreachable!("the workload has none"),
        }
    }
}
