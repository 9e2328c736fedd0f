//! The command line.

use clap::{Parser, Subcommand, ValueEnum};

/// A replicated set of registers, read and written with quorum calls.
///
/// Without a command it starts replicas in this process, on free ports, and a client of them. The client takes
/// its commands from the terminal, or from standard input as a script; `help` lists them. The exit code of a
/// script is 1 when one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "storage", version)]
pub(crate) struct Args {
    /// How many replicas to start when no command is given
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) replicas: u16,

    /// How long a read or a write may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, global = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// How the client's calls travel
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
    /// Run a client of replicas that are running already
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

/// How calls travel.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Transport {
    /// On one stream per replica, in order: also to replicas of Gorums in Go
    NodeStream,
    /// Each as a gRPC call of its own: to any gRPC server
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
