//! Replicas in memory, with disks that survive them.

use std::sync::Arc;
use std::time::Duration;

use gorums_runtime::errors::{ManagerError, SystemError};

use gorums_runtime::testing::{self, Systems};
use gorums_runtime::{Backoff, Manager, NodeId, Server, System};

use crate::disk::{Disk, SimulatedDisk};

/// The first id of a client.
const CLIENTS: u32 = 1000;

/// The members of a system, in memory. They stop when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    systems: Systems,
    disks: Arc<Vec<SimulatedDisk>>,
}

impl Cluster {
    /// Starts the members 1 to `n`. `replica` makes the services of each from its system and its disk, now and after each
    /// crash.
    ///
    /// # Errors
    ///
    /// If `n` is 0.
    pub async fn start<S: Into<Server>>(
        n: u32,
        seed: u64,
        replica: impl Fn(&System, Disk) -> S + Send + Sync + 'static,
    ) -> Result<Self, SystemError> {
        // The runtime draws its jitter from this generator.
        fastrand::seed(seed);
        let disks = (0..u64::from(n)).map(|at| SimulatedDisk::new(seed ^ (at << 48)));
        let disks: Arc<Vec<_>> = Arc::new(disks.collect());
        let opened = Arc::clone(&disks);
        let systems = testing::systems_with(
            n,
            |_, builder| builder.manager(|manager| manager.backoff(backoff())),
            move |system| replica(system, disk(&opened, system.id()).open()),
        );
        Ok(Self {
            systems: systems.await?,
            disks,
        })
    }

    /// The systems, and the network between them.
    pub fn systems(&self) -> &Systems {
        &self.systems
    }

    /// The manager of a client, which is on the network under the id that [`client_id`](Self::client_id) tells.
    ///
    /// # Errors
    ///
    /// Those of [`ManagerBuilder::connect_lazy`](gorums_runtime::ManagerBuilder::connect_lazy).
    pub async fn client(&self, number: u32) -> Result<Manager, ManagerError> {
        let manager = self.systems.client(Self::client_id(number));
        manager.backoff(backoff()).connect_lazy().await
    }

    /// The id by which the links of a client are cut and slowed.
    pub fn client_id(number: u32) -> NodeId {
        NodeId::new(CLIENTS + number)
    }

    /// Kills a replica. Of what it was writing to its disk, some is there and the rest is lost.
    pub fn kill(&self, id: NodeId) {
        self.systems.kill(id);
        disk(&self.disks, id).crash();
    }

    /// Starts a replica again from its disk.
    ///
    /// # Errors
    ///
    /// Those of [`Systems::start`].
    pub async fn restart(&self, id: NodeId) -> Result<(), SystemError> {
        self.systems.start(id).await
    }
}

fn disk(disks: &[SimulatedDisk], id: NodeId) -> &SimulatedDisk {
    &disks[id.get() as usize - 1]
}

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(10), Duration::from_millis(100))
}
