//! The command line.

use clap::Parser;

/// A register that a third of its replicas may lie about.
///
/// Starts the replicas in this process, on free ports, writes each value and reads it back. The exit code is 1 when
/// a call fails, as reads do when too many replicas lie, and 2 when the arguments are wrong.
#[derive(Debug, Parser)]
#[command(name = "byzantine", version)]
pub(crate) struct Args {
    /// How many replicas there are
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) replicas: u32,

    /// How many of them lie: they keep nothing, and answer reads with a state of their own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) liars: u32,

    /// How long a read or a write may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// What to write, one value after the other
    #[arg(value_name = "VALUE", default_values = ["one", "two", "three"])]
    pub(crate) values: Vec<String>,
}
