//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use gorums_quorums::{Metric, ReadFractions};

use crate::node_spec::{Capacities, NodeSpec};

/// Analyses quorum systems, and searches for the best one.
///
/// A strategy says which quorums are used how often. Of each, these are told:
///
///   load      for how many seconds a command keeps the busiest node busy
///   capacity  how many commands per second can be done until the busiest node
///             is always busy
///   latency   after how many seconds a quorum has answered, on average
///   network   how many nodes a command is sent to, on average
///
/// They hold for calls that go to one quorum. A call to all nodes loads all.
#[derive(Debug, Parser)]
#[command(name = "gorums-quorums", version, verbatim_doc_comment)]
pub(crate) struct Args {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Analyse a quorum system, and find its best strategy
    Analyze(Analyze),
    /// Search for the best quorum system of some nodes
    Search(Search),
}

const EXPRESSIONS: &str = "\
Expressions:
  a                              a node
  a & b, a * b                   a quorum of each; binds more than |
  a | b, a + b                   a quorum of one of them
  choose(2, [a, b & c, d])       quorums of at least 2 of the list
  majority([a, b, c])            more than half of the list; also all and any
  weights(4, [a: 3, b: 2, c: 1]) nodes that weigh at least 4 together
  weights(2/3, [a: 3, b: 2])     nodes that weigh more than 2/3 of all

Examples:
  gorums-quorums analyze 'a*b*c + d*e*f' --reads 0.75
  gorums-quorums analyze 'majority([a, b, c])' --node a:1000 --node b,c:500 --node a,b@0.01
  gorums-quorums analyze 'a*b + c*d' --optimize latency --max-load 1/150 --svg load.svg

Exit code: 0 with an answer, 1 if there is none, 2 if the question is not understood.";

/// The analysis of a system.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXPRESSIONS, group(ArgGroup::new("system").required(true).multiple(true)))]
pub(crate) struct Analyze {
    /// The quorums of reads. Without --writes, those of writes are the dual: all sets that meet each read quorum
    #[arg(value_name = "EXPRESSION", group = "system")]
    pub(crate) expression: Option<String>,

    /// The quorums of writes. Without an expression for reads, those of reads are the dual
    #[arg(long, value_name = "EXPRESSION", group = "system")]
    pub(crate) writes: Option<String>,

    #[command(flatten)]
    pub(crate) asked: Asked,
}

const SEARCHED: &str = "\
All systems are looked at in which each node has one place, as in
choose(2, [a, b & c, d]), the least nested first. Writes are the dual of reads.
There are 13684 systems of six nodes, and many more of seven. Of nodes that can
do the same there are fewer.

Examples:
  gorums-quorums search a b c d e --reads 0.9 --resilience 1
  gorums-quorums search a,c,e:10000/1000 b,d,f:5000/500 -f 1 --time-limit 10

Exit code: 0 with an answer, 1 if there is none, 2 if the question is not understood.";

/// The search for a system.
#[derive(Debug, ClapArgs)]
#[command(after_help = SEARCHED)]
pub(crate) struct Search {
    /// The nodes, and what they can do: names, or as for --node
    #[arg(value_name = "NODE", required = true)]
    pub(crate) nodes: Vec<NodeSpec>,

    /// So many failures, whichever the nodes are, have to leave a read quorum and a write quorum
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) resilience: usize,

    /// So many seconds may the search take. If they are over, the answer is the best system so far
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) time_limit: Duration,

    #[command(flatten)]
    pub(crate) asked: Asked,
}

/// What is asked of a system.
#[derive(Debug, ClapArgs)]
pub(crate) struct Asked {
    /// Which fraction of the commands are reads: 0.75. Or several fractions with their weights: 0.1=1,0.75=1
    #[arg(
        long,
        visible_alias = "read-fraction",
        value_name = "FRACTION",
        default_value = "0.5",
        allow_negative_numbers = true
    )]
    pub(crate) reads: ReadFractions,

    /// What is to be as small as possible
    #[arg(long, value_enum, value_name = "METRIC", default_value_t = Optimize::Load)]
    pub(crate) optimize: Optimize,

    /// The most that the load may be, in seconds per command; 1/1500 for a capacity of 1500 commands per second
    #[arg(long, value_name = "LOAD", value_parser = ratio, allow_negative_numbers = true)]
    pub(crate) max_load: Option<f64>,

    /// The most that the latency may be, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = ratio, allow_negative_numbers = true)]
    pub(crate) max_latency: Option<f64>,

    /// The most that the network load may be, in nodes per command
    #[arg(long, value_name = "NODES", value_parser = ratio, allow_negative_numbers = true)]
    pub(crate) max_network: Option<f64>,

    /// Ask sets of nodes that include a quorum even without any N of them
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub(crate) failures: usize,

    /// What some nodes can do: a:1000 (commands per second), a:10000/1000 (reads and writes), a@0.003 (answers after so many
    /// seconds), or all: a,b:10000/1000@0.003. Later ones add to earlier ones
    #[arg(long = "node", value_name = "NAMES[:CAPACITY][@LATENCY]")]
    pub(crate) specs: Vec<NodeSpec>,

    /// What the other nodes can do, in commands per second; or reads and writes: 10000/1000
    #[arg(
        long,
        value_name = "CAPACITY",
        default_value = "1",
        allow_negative_numbers = true
    )]
    pub(crate) capacity: Capacities,

    /// After how many seconds the other nodes answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub(crate) latency: f64,

    /// The most quorums of each kind to look at, fewer if they have many nodes. The output tells if there are more. The
    /// default is 10000, and 1000 for each system in a search
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) limit: Option<usize>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw the load against the read fraction
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// What is to be as small as possible.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Optimize {
    /// For how many seconds a command keeps the busiest node busy
    Load,
    /// After how many seconds a quorum has answered
    Latency,
    /// How many nodes a command is sent to
    Network,
}

impl From<Optimize> for Metric {
    fn from(optimize: Optimize) -> Self {
        match optimize {
            Optimize::Load => Self::Load,
            Optimize::Latency => Self::Latency,
            Optimize::Network => Self::Network,
        }
    }
}

/// Reads a number, or one that is divided by another one.
fn ratio(text: &str) -> Result<f64, String> {
    let number = |text: &str| {
        let number = text.trim().parse::<f64>();
        number.map_err(|_| format!("`{text}` is no number: write 0.001 or 1/1000"))
    };
    let ratio = match text.split_once('/') {
        Some((numerator, denominator)) => number(numerator)? / number(denominator)?,
        None => number(text)?,
    };
    match ratio.is_finite() && ratio >= 0.0 {
        true => Ok(ratio),
        false => Err("it has to be finite and not negative".into()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "it has to be from 0 to 1e19 seconds".into())
}

/// So many quorums are enumerated at most, or the memory for them may not be there.
const MOST: usize = 100_000;

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    match (1..=MOST).contains(&limit) {
        true => Ok(limit),
        false => Err(format!("it has to be from 1 to {MOST}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn bounds_are_numbers_or_ratios() {
        assert_eq!(ratio("0.5"), Ok(0.5));
        assert_eq!(ratio("1/1500"), Ok(1.0 / 1500.0));
        for text in ["", "-1", "1/0", "0/0", "NaN", "1/2/3", "a"] {
            assert!(ratio(text).is_err(), "{text}");
        }
    }
}
