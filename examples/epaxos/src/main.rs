//! The command line of the map.

mod prompt;

use std::process::ExitCode;

use clap::Parser;
use epaxos::Member;
use harness::program::Program;

/// A replicated map: Egalitarian Paxos, in which any replica can lead a command.
///
/// Without a subcommand, starts replicas in this process, on free ports, with their state in memory, and a client of
/// them. The client reads commands from the terminal, or a script from standard input; `help` lists the commands.
/// After a script, the exit code is 1 if one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "epaxos", version)]
struct Args {
    #[command(flatten)]
    program: Program,
}

fn main() -> ExitCode {
    Args::parse()
        .program
        .run("epaxos", Member::new, prompt::run)
}
