//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use harness::peer::Peer;

/// A replicated set of registers, read and written with quorum calls.
///
/// Without a subcommand, starts replicas in this process, on free ports, and a client of them. The client reads
/// commands from the terminal, or a script from standard input; `help` lists the commands. After a script, the exit
/// code is 1 if one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "storage", version)]
pub(crate) struct Args {
    /// Number of replicas to start without a subcommand
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) replicas: u32,

    /// Deadline of a read or a write, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, global = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// Transport of the client's calls
    #[arg(long, value_enum, default_value_t = Transport::NodeStream, global = true)]
    pub(crate) transport: Transport,

    /// Serve metrics to Prometheus on this address, at /metrics; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", global = true)]
    pub(crate) metrics: Option<String>,

    /// What to run
    #[command(subcommand)]
    pub(crate) mode: Option<Mode>,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Run one replica until it is interrupted: with --id and --peers as a member of a system, with --addr without peers
    Serve(Serve),
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

        /// Use TLS, with the certificates in this directory; their hosts have to be those of the addresses
        #[arg(long, value_name = "DIR")]
        tls: Option<PathBuf>,
    },
    /// Make certificates for trying out TLS: an authority, unless there is one, one for each member, one for clients
    Certificates(Certificates),
}

/// Which certificates to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Certificates {
    /// The directory to write them to; running members use the new ones of theirs for new connections
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// The ids of the members, separated by commas
    #[arg(long, value_name = "ID,...", value_delimiter = ',', required = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ids: Vec<u32>,

    /// The hosts of the members' addresses, separated by commas; clients check them
    #[arg(
        long,
        value_name = "HOST,...",
        value_delimiter = ',',
        default_value = "localhost,127.0.0.1,::1"
    )]
    pub(crate) hosts: Vec<String>,
}

/// How to run one replica.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen on, without peers; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "id", conflicts_with_all = ["id", "peers", "listen", "cluster", "tls"])]
    pub(crate) addr: Option<String>,

    /// This member's id, from 1 on
    #[arg(long, value_name = "ID", requires = "peers", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) id: Option<u32>,

    /// The ids and addresses of all members, this one included, separated by commas; they may start in any order
    #[arg(
        long,
        value_name = "ID=HOST:PORT,...",
        value_delimiter = ',',
        requires = "id"
    )]
    pub(crate) peers: Vec<Peer>,

    /// The address to listen on, if it is not the one that the members have for this one
    #[arg(long, value_name = "HOST:PORT", requires = "id")]
    pub(crate) listen: Option<String>,

    /// The name of the cluster; members of clusters with other names are refused
    #[arg(long, value_name = "NAME", requires = "id")]
    pub(crate) cluster: Option<String>,

    /// Use TLS, with the certificates in this directory, by which the members prove their ids; see `certificates`
    #[arg(long, value_name = "DIR", requires = "id")]
    pub(crate) tls: Option<PathBuf>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_has_peers_or_an_address_of_its_own() {
        let parse = |arguments: &str| {
            let words = "storage serve".split(' ').chain(arguments.split(' '));
            Args::try_parse_from(words)
        };
        for good in [
            "--addr a:1",
            "--id 1 --peers 1=a:1",
            "--id 1 --peers 1=a:1,2=b:1 --listen c:1 --cluster prod --tls d",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "--id 1",
            "--peers 1=a:1",
            "--id 0 --peers 1=a:1",
            "--addr a:1 --id 1 --peers 1=a:1",
            "--addr a:1 --listen b:1",
            "--addr a:1 --tls d",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
