//! Whole systems in memory, under a simulated clock, while replicas and network fail at random.
//!
//! ```
//! use gorums_runtime::{Server, System};
//! use harness::disk::Disk;
//! use harness::seeds::{self, Failure};
//! use harness::simulation::{self, Cluster, Trial};
//! use harness::workload::Client;
//! # fn replica(_: &System, _: Disk) -> Server { unreachable!() }
//! # fn client(_: gorums_runtime::Manager) -> impl Client { Never }
//! # struct Never;
//! # impl Client for Never {
//! #     async fn perform(&self, _: harness::workload::Operation) -> Option<harness::workload::Outcome> { None }
//! # }
//!
//! async fn run(seed: u64) -> Result<(), Failure> {
//!     let cluster = Cluster::start(3, seed, replica).await?;
//!     Trial::default().run(&cluster, seed, client).await
//! }
//!
//! # fn test() {
//! seeds::all_hold(200, |seed| simulation::run(run(seed)));
//! # }
//! ```

mod cluster;
mod trial;
mod unrest;

pub use cluster::Cluster;
pub use trial::Trial;
pub use unrest::Unrest;

use tokio::runtime::Builder;

use crate::seeds::Failure;

/// Runs a simulation in this thread, under a clock that jumps to the next event whenever nothing is left to do.
///
/// # Errors
///
/// That of the simulation, or of the runtime.
pub fn run(simulation: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(simulation)
}
