//! Nodes as processes that are killed and stopped, with their state on disk.

use harness::processes::Processes;
use harness::seeds::Failure;

use crate::adversary::ALL;
use crate::registers::{NODES, clients, workload};

/// How long the test runs with each algorithm, unless the environment variable `SECONDS` says otherwise.
const SECONDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn the_register_is_atomic_while_processes_are_killed_and_stopped() -> Result<(), Failure> {
    for algorithm in ALL {
        let dir = tempfile::tempdir()?;
        let binary = env!("CARGO_BIN_EXE_reconfigurable");
        let mut nodes = Processes::start(binary, dir.path(), NODES)?;
        nodes
            .trial(SECONDS, workload(), clients(algorithm, None))
            .await?;
    }
    Ok(())
}
