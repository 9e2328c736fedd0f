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
//!     Trial::default().run(&cluster, seed, client).await?;
//!     Ok(())
//! }
//!
//! # fn test() {
//! seeds::all_hold(200, |seed| simulation::run(run(seed)));
//! # }
//! ```
//!
//! A seed decides the faults, the operations and all delays. It does not decide which of several futures that are ready at
//! the same time tokio's `select!` polls first, unless tokio is built with `RUSTFLAGS='--cfg tokio_unstable'`. Then a seed
//! always gives the same history.

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
pub fn run<T>(simulation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut builder = Builder::new_current_thread();
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(
        b"any, but always the same",
    ));
    let runtime = builder.enable_all().start_paused(true).build()?;
    runtime.block_on(simulation)
}
