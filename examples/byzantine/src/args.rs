//! The command line.

use clap::Parser;

/// A register that stays correct while fewer than a third of its replicas lie.
///
/// Starts the replicas in this process, on free ports. Then writes each value and reads it back. The exit code is 1
/// when a call fails, as reads do when too many replicas lie, and 2 when the arguments are wrong.
#[derive(Debug, Parser)]
#[command(name = "byzantine", version)]
pub(crate) struct Args {
    /// Number of replicas
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) replicas: u32,

    /// Number of replicas that lie: they store nothing, and answer reads with a forged state
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) liars: u32,

    /// Deadline of a read or a write, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// The values to write, in this order
    #[arg(value_name = "VALUE", default_values = ["one", "two", "three"])]
    pub(crate) values: Vec<String>,
}
