//! The command line of the map.

mod prompt;

use std::process::ExitCode;

use clap::Parser;
use harness::program::Program;
use raft::Replica;

/// A key-value map replicated by Raft.
///
/// Without a subcommand, starts servers in this process, on free ports, with their state in memory, and a client of them.
/// The client reads commands from the terminal, or a script from standard input; `help` lists the commands. After a script,
/// the exit code is 1 if one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "raft", version)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// With serve: this server is no member of the cluster until the command `members` of a client makes it one
    #[arg(long, global = true)]
    join: bool,
}

fn main() -> ExitCode {
    let Args { program, join } = Args::parse();
    let replica = |system: &_, disk| {
        let replica = match join {
            true => Replica::joining(system, disk),
            false => Replica::new(system, disk),
        };
        replica.map(Replica::services)
    };
    program.run("raft", replica, prompt::run)
}
