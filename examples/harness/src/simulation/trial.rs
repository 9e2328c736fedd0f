//! A test of a whole system.

use std::time::Duration;

use fastrand::Rng;
use futures::future::{join_all, try_join_all};
use gorums_runtime::Manager;
use tokio::time::timeout;

use super::{Cluster, Unrest};
use crate::history::History;
use crate::seeds::Failure;
use crate::workload::{Client, Operation, Outcome, Session, Workload};

/// Clients that read and write while replicas and network fail. When all is mended, each of them has to be able to read all
/// registers. What they saw has to be linearizable.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What the clients do.
    pub workload: Workload,
    /// How long replicas and network fail, in simulated time.
    pub unrest: Duration,
    /// How long the system may take afterwards until it serves all clients.
    pub recovery: Duration,
}

impl Default for Trial {
    /// The default workload for 2 s, and 10 s to recover.
    fn default() -> Self {
        Self {
            workload: Workload::default(),
            unrest: Duration::from_secs(2),
            recovery: Duration::from_secs(10),
        }
    }
}

impl Trial {
    /// Runs the clients, which `client` makes of their managers. Returns what they saw.
    ///
    /// # Errors
    ///
    /// If the history is not linearizable, the system does not recover in time, or a replica does not start.
    pub async fn run<C: Client>(
        &self,
        cluster: &Cluster,
        seed: u64,
        client: impl Fn(Manager) -> C,
    ) -> Result<History<Operation, Outcome>, Failure> {
        let managers = (1..=self.workload.clients).map(|number| cluster.client(number));
        let clients = try_join_all(managers).await?.into_iter().map(client);
        let clients: Vec<C> = clients.collect();
        let numbered = || (1..).zip(&clients);
        let session = Session::new(self.workload.clone());

        let mut rng = Rng::with_seed(seed);
        let unrest = Unrest::new(cluster, self.workload.clients, rng.u64(..)).run(self.unrest);
        let running = numbered().map(|(number, client)| session.run(number, rng.fork(), client));
        tokio::select! {
            // So that a seed decides everything.
            biased;
            mended = unrest => mended?,
            _ = join_all(running) => {}
        }
        let recovered = numbered().map(|(number, client)| session.read_all(number, client));
        let recovered = timeout(self.recovery, join_all(recovered)).await;
        recovered.map_err(|_| NotRecovered(self.recovery))?;
        let history = session.history();
        session.check()?;
        Ok(history)
    }
}

/// Some client was not served after all faults had ended.
#[derive(Debug, thiserror::Error)]
#[error(
    "some client still cannot read all registers {0:?} after all replicas and links were mended"
)]
struct NotRecovered(Duration);
