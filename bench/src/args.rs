//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use harness::peer::Peer;
use serde::Serialize;

use crate::error::Error;

/// Measures quorum calls on one machine: over node streams, over plain gRPC, by a hand-written tonic client, and over
/// raw TCP as the lower bound.
#[derive(Debug, Parser)]
#[command(name = "gorums-bench", version)]
pub(crate) struct Args {
    /// What to do
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Run one server, for all systems, until it is interrupted
    Server(Server),
    /// Measure one system
    Run(Run),
    /// Measure the client's memory while many calls of one system wait for replies
    Memory(Memory),
    /// Measure all systems in turn, and the ratios between them
    Compare(Compare),
    /// Measure the calls of peers: to oneself, nested, reverse, all to all, and beside a snapshot
    Peers(Peers),
    /// Measure what metrics cost; needs --features metrics
    Metrics(Metrics),
    /// Measure quorum calls to all nodes, to one quorum, and hedged, while some replies are late
    Thrifty(Thrifty),
    /// Measure the replicated systems of the examples, beside their messages alone
    Systems(Systems),
    /// Run one replica of a replicated system, until standard input ends
    #[command(hide = true)]
    Replica(Replica),
}

/// A measurement of replicated systems, whose replicas are processes.
#[derive(Debug, ClapArgs)]
pub(crate) struct Systems {
    /// The systems
    #[arg(long, value_enum, value_name = "SYSTEM,...", value_delimiter = ',', default_values_t = Replicated::ALL)]
    pub(crate) systems: Vec<Replicated>,

    /// Numbers of replicas
    #[arg(short, long, value_name = "N,...", value_delimiter = ',', default_values_t = [3, 5], value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n: Vec<u16>,

    /// Bytes of the values that commands read and write
    #[arg(short, long, value_name = "BYTES,...", value_delimiter = ',', default_values_t = [16, 1024])]
    pub(crate) payload: Vec<usize>,

    /// Clients, each of which has one command at a time; they share one connection to each replica
    #[arg(short, long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 64], value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) clients: Vec<u32>,

    /// Of 100 commands of EPaxos, how many are about one key; the others are each about a key of their client
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', default_values_t = [0, 2, 100], value_parser = clap::value_parser!(u8).range(..=100))]
    pub(crate) conflicts: Vec<u8>,

    /// Where replicas keep their state
    #[arg(long, value_enum, value_name = "STATE,...", value_delimiter = ',', default_values_t = State::ALL)]
    pub(crate) state: Vec<State>,

    /// A directory on the disk to measure, for the files of this run [default: that for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// How long each measurement takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) duration: u64,

    /// How long to warm up before measuring, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pub(crate) warmup: u64,

    /// Rounds, in each of which the system and its floor take their turns; the results are their medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Threads of the clients together; each replica has one, and one more for its disk
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: u16,

    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// A replicated system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Replicated {
    /// Atomic registers: writes and reads
    Abd,
    /// Egalitarian Paxos: writes to a map, with each share of conflicts
    Epaxos,
    /// Raft: writes to a map
    Raft,
}

impl Replicated {
    pub(crate) const ALL: [Self; 3] = [Self::Abd, Self::Epaxos, Self::Raft];
}

/// Where a replica keeps its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// In a table in memory
    Memory,
    /// In a table in a file, with an fsync before each answer that needs it
    Disk,
}

impl State {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq, ClapArgs)]
pub(crate) struct Replica {
    /// What it serves
    #[arg(long, value_enum)]
    pub(crate) serves: Serves,

    /// Its id
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) id: u32,

    /// The ids and addresses of all replicas
    #[arg(
        long,
        value_name = "ID=HOST:PORT,...",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) peers: Vec<Peer>,

    /// The file with its state [default: it is in memory]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// What a replica serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Serves {
    /// Atomic registers
    Abd,
    /// Egalitarian Paxos
    Epaxos,
    /// Raft
    Raft,
    /// Handlers that do nothing
    Floor,
}

/// A measurement of peers, all in one process.
#[derive(Debug, ClapArgs)]
pub(crate) struct Peers {
    /// How long to measure each type of call, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) duration: u64,

    /// How long to warm up before measuring, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pub(crate) warmup: u64,

    /// Bytes of the payload
    #[arg(short, long, value_name = "BYTES", default_value_t = 16)]
    pub(crate) payload: usize,

    /// MiB of the snapshot
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) snapshot: u32,

    /// Threads of all peers together
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: u16,
}

/// A measurement of what metrics cost.
#[derive(Debug, ClapArgs)]
pub(crate) struct Metrics {
    /// How long each measurement takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) duration: u64,

    /// How long to warm up before measuring, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 150)]
    pub(crate) warmup: u64,

    /// Rounds, in each of which calls are made without metrics and with them
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Servers to call
    #[arg(short, long, value_name = "N,...", value_delimiter = ',', default_values_t = [3, 9], value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n: Vec<u16>,

    /// Calls in flight
    #[arg(short, long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 64], value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) concurrency: Vec<u32>,

    /// Bytes of the payload
    #[arg(short, long, value_name = "BYTES", default_value_t = 16)]
    pub(crate) payload: usize,

    /// Threads of the client
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) threads: u16,
}

/// A measurement of thrifty calls, all in one process.
#[derive(Debug, ClapArgs)]
pub(crate) struct Thrifty {
    /// How long to measure each kind of call in each round, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) duration: u64,

    /// How long to warm up before each measurement, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pub(crate) warmup: u64,

    /// Rounds, in each of which all kinds of calls take their turn; the results are those of all rounds together
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Replicas to call
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n: u16,

    /// Bytes of the payload
    #[arg(short, long, value_name = "BYTES", default_value_t = 16)]
    pub(crate) payload: usize,

    /// Calls in flight: when one ends, the next begins
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) concurrency: u32,

    /// The share of each replica's replies that are late, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    pub(crate) late_share: f64,

    /// How late they are, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20)]
    pub(crate) late_by: u64,

    /// Hedge when a node has not replied within the time in which this share of its replies came, above 0 and below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = percentile)]
    pub(crate) hedge_at: f64,

    /// Hedges that each call allows, on average
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub(crate) hedge_budget: f64,

    /// Hedges that may come at once
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) hedge_burst: u32,

    /// Decides which replies are late
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Threads of the client and all replicas together
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: u16,
}

/// An option's value as written on the command line.
pub(crate) fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_string())
}

/// Parses a share.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "it is not a number".to_string())?;
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(format!("{text} is not in 0..=1")),
    }
}

/// Parses a share that is neither nothing nor all.
fn percentile(text: &str) -> Result<f64, String> {
    let share = share(text)?;
    match share > 0.0 && share < 1.0 {
        true => Ok(share),
        false => Err(format!("{text} is not above 0 and below 1")),
    }
}

/// A server.
#[derive(Debug, ClapArgs)]
pub(crate) struct Server {
    /// The address for gRPC and node streams; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    pub(crate) addr: String,

    /// The address for raw TCP; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    pub(crate) tcp_addr: String,

    /// Delay of each reply, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) delay: u64,

    /// Replicas to serve, each on its own addresses; several need port 0
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) replicas: u16,

    /// Threads of the server
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: u16,

    /// Measure all calls with metrics; needs --features metrics
    #[arg(long)]
    pub(crate) metrics: bool,
}

/// What every measurement needs.
#[derive(Clone, Debug, PartialEq, Eq, ClapArgs)]
pub(crate) struct Setup {
    /// gRPC addresses of running servers; by default, starts and ends servers as processes
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    pub(crate) remotes: Vec<String>,

    /// Raw TCP addresses of the same servers
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    pub(crate) tcp_remotes: Vec<String>,

    /// Process ids of the same servers on this machine, to measure their CPU time
    #[arg(long, value_name = "PID,...", value_delimiter = ',')]
    pub(crate) pids: Vec<u32>,

    /// Serve all replicas with the same delay from one process; with more processes than cores, scheduling dominates
    #[arg(long, conflicts_with = "remotes")]
    pub(crate) one_process: bool,

    /// How long to measure, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) duration: u64,

    /// How long to warm up before measuring, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 150)]
    pub(crate) warmup: u64,

    /// Threads of the client; 0 uses tokio's single-threaded runtime
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) threads: u16,

    /// Let the client, and the servers that are started, measure all calls with metrics; needs --features metrics
    #[arg(long)]
    pub(crate) metrics: bool,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq, ClapArgs)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) setup: Setup,

    /// The system to measure
    #[arg(long, value_enum, default_value_t = System::Streams)]
    pub(crate) system: System,

    /// The type of call
    #[arg(long, value_enum, default_value_t = Call::Quorum)]
    pub(crate) call: Call,

    /// Servers to call
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n: u16,

    /// Replies that make a quorum [default: a majority]
    #[arg(short, long, value_name = "N")]
    pub(crate) quorum: Option<u16>,

    /// Bytes of the payload
    #[arg(short, long, value_name = "BYTES", default_value_t = 16)]
    pub(crate) payload: usize,

    /// Calls in flight: when one ends, the next begins
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "rate")]
    pub(crate) concurrency: u32,

    /// Calls per second, started whether or not earlier ones have ended
    #[arg(short, long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rate: Option<u64>,

    /// Delay of each reply of one of the servers, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) slow: u64,

    /// Write the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Run {
    /// The number of replies that make a quorum of `n` servers.
    pub(crate) fn quorum_of(&self, n: usize) -> Result<usize, Error> {
        match self.quorum {
            None => Ok(majority(n)),
            Some(quorum) if (1..=n).contains(&quorum.into()) => Ok(quorum.into()),
            Some(quorum) => Err(Error::Quorum { quorum, n }),
        }
    }
}

/// The smallest number that is more than half of `n`.
pub(crate) fn majority(n: usize) -> usize {
    n / 2 + 1
}

/// One measurement of memory.
#[derive(Clone, Debug, PartialEq, Eq, ClapArgs)]
pub(crate) struct Memory {
    #[command(flatten)]
    pub(crate) setup: Setup,

    /// The system to measure
    #[arg(long, value_enum, default_value_t = System::Streams)]
    pub(crate) system: System,

    /// Servers to call
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n: u16,

    /// Bytes of the payload
    #[arg(short, long, value_name = "BYTES", default_value_t = 16)]
    pub(crate) payload: usize,

    /// Calls in flight
    #[arg(short, long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) calls: u32,

    /// Write the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A comparison.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) setup: Setup,

    /// Numbers of servers
    #[arg(short, long, value_name = "N,...", value_delimiter = ',', default_values_t = [3, 5, 9])]
    pub(crate) n: Vec<u16>,

    /// Bytes of the payload
    #[arg(short, long, value_name = "BYTES,...", value_delimiter = ',', default_values_t = [16, 1024, 65536])]
    pub(crate) payload: Vec<usize>,

    /// Calls in flight
    #[arg(short, long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 64])]
    pub(crate) concurrency: Vec<u32>,

    /// Rounds; the results are their medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Skip the open loop, at half of the slowest system's rate
    #[arg(long)]
    pub(crate) no_open_loop: bool,

    /// Skip the measurements of one slow replica of three, and of the memory of waiting calls
    #[arg(long)]
    pub(crate) no_extras: bool,

    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Draw the plots in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    /// gorums-rs over node streams
    Streams,
    /// gorums-rs over plain gRPC
    Grpc,
    /// A hand-written tonic client: `FuturesUnordered` over unary calls
    Tonic,
    /// Raw TCP frames
    Tcp,
    /// No calls: the cost of measuring itself
    Idle,
}

impl System {
    /// The systems that call servers.
    pub(crate) const ALL: [Self; 4] = [Self::Streams, Self::Grpc, Self::Tonic, Self::Tcp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Streams => "node streams",
            Self::Grpc => "plain gRPC",
            Self::Tonic => "tonic by hand",
            Self::Tcp => "raw TCP",
            Self::Idle => "nothing",
        }
    }
}

/// A type of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Call {
    /// A quorum call
    Quorum,
    /// A quorum call with a separate request for each node
    PerNode,
    /// A quorum call that is sent at once, and awaited later
    Future,
    /// A correctable, to its last level
    Correctable,
    /// A call to the first node
    Rpc,
    /// A one-way call to all nodes
    Multicast,
    /// A one-way call to the first node
    Unicast,
    /// A quorum call that reads, on the service `proto.Storage` of the storage example of Gorums, also in Go
    StorageRead,
    /// A quorum call on the same service that writes a value of the payload's size
    StorageWrite,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quorum => "quorum call",
            Self::PerNode => "call with a request for each node",
            Self::Future => "future",
            Self::Correctable => "correctable",
            Self::Rpc => "call to one node",
            Self::Multicast => "multicast",
            Self::Unicast => "unicast",
            Self::StorageRead => "storage read",
            Self::StorageWrite => "storage write",
        }
    }
}
