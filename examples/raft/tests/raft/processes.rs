//! Servers as processes that are killed and stopped, with their state on disk.

use harness::processes::Processes;
use harness::seeds::Failure;
use harness::workload::Workload;

use crate::registers::Registers;

/// How long the test runs, unless the environment variable `SECONDS` says otherwise.
const SECONDS: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn the_map_is_linearizable_while_processes_are_killed_and_stopped() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let mut servers = Processes::start(env!("CARGO_BIN_EXE_raft"), dir.path(), 3)?;
    let workload = Workload {
        keys: 20,
        swaps: true,
        ..Workload::default()
    };
    let client = |manager| Registers::new(&manager);
    servers.trial(SECONDS, workload, client).await
}
