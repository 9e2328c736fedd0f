//! The command line.

use std::time::Duration;

use clap::Parser;
use gorums_runtime::CallOptions;

/// A register that stays correct while some of its replicas lie: fewer than a third, or a quarter with --masking.
///
/// Starts the replicas in this process, on free ports. Then writes each value and reads it back. The exit code is 1
/// when a call fails, and 2 when the arguments are wrong. If too many replicas lie, reads fail; with --masking they may
/// return the lie.
#[derive(Debug, Parser)]
#[command(name = "byzantine", version)]
pub(crate) struct Args {
    /// Do not sign states: a read believes what more replicas report than may lie
    #[arg(long)]
    pub(crate) masking: bool,

    /// Number of replicas [default: 4, or 5 with --masking]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        default_value_if("masking", "true", "5"),
        hide_default_value = true,
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
    pub(crate) replicas: u32,

    /// Number of replicas that lie: they store nothing, and answer reads with a forged state
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) liars: u32,

    /// Deadline of a read or a write, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,

    /// The values to write, in this order
    #[arg(value_name = "VALUE", default_values = ["one", "two", "three"])]
    pub(crate) values: Vec<String>,
}

impl Args {
    /// The options of reads and writes.
    pub(crate) fn call_options(&self) -> CallOptions {
        CallOptions::new().timeout(Duration::from_millis(self.timeout))
    }
}
