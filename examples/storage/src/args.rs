//! The command line.

use clap::{Parser, Subcommand, ValueEnum};

/// A replicated set of registers, read and written with quorum calls.
///
/// Without a subcommand, starts replicas in this process, on free ports, and a client of them. The client reads
/// commands from the terminal, or a script from standard input; `help` lists the commands. After a script, the exit
/// code is 1 if one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "storage", version)]
pub(crate) struct Args {
    /// Number of replicas to start without a subcommand
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) replicas: u16,

    /// Deadline of a read or a write, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, global = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// Transport of the client's calls
    #[arg(long, value_enum, default_value_t = Transport::NodeStream, global = true)]
    pub(crate) transport: Transport,

    /// What to run
    #[command(subcommand)]
    pub(crate) mode: Option<Mode>,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Run one replica until it is interrupted
    Serve {
        /// The address to listen on; port 0 takes a free one
        #[arg(long, value_name = "HOST:PORT")]
        addr: String,
    },
    /// Run a client of running replicas
    Client {
        /// The replicas' addresses, separated by commas
        #[arg(
            long,
            value_name = "HOST:PORT,...",
            value_delimiter = ',',
            required = true
        )]
        addrs: Vec<String>,
    },
}

/// The transport of calls.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Transport {
    /// One ordered stream per replica; also works with replicas of Gorums in Go
    NodeStream,
    /// A separate gRPC call each; works with any gRPC server
    Grpc,
}

impl From<Transport> for gorums_runtime::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::NodeStream => Self::NodeStream,
            Transport::Grpc => Self::Grpc,
        }
    }
}
