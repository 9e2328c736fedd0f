//! The command line of the registers.

mod prompt;

use std::process::ExitCode;

use abd::Replica;
use abd::proto::registers_gorums::RegistersReplicaServer;
use clap::Parser;
use harness::program::Program;

/// Replicated atomic registers: the multi-writer algorithm of Attiya, Bar-Noy and Dolev.
///
/// Without a subcommand, starts replicas in this process, on free ports, with their state in memory, and a client of them.
/// The client reads commands from the terminal, or a script from standard input; `help` lists the commands. After a script,
/// the exit code is 1 if one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "abd", version)]
struct Args {
    #[command(flatten)]
    program: Program,
}

fn main() -> ExitCode {
    Args::parse().program.run(
        "abd",
        |_, disk| Replica::new(disk).map(RegistersReplicaServer::new),
        prompt::run,
    )
}
