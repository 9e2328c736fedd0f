//! The command line of the register.

mod compare;
mod prompt;

use std::process::ExitCode;

use clap::Parser;
use harness::program::Program;
use reconfigurable::Replica;
use reconfigurable::proto::register_gorums::RegisterReplicaServer;

use prompt::Choice;

/// An atomic register whose replicas change while it is used: RAMBO, DynaStore, SpSnStore and SmartMerge.
///
/// Without a subcommand, starts nodes in this process, on free ports, with their state in memory, and a client of them. The client
/// reads commands from the terminal, or a script from standard input; `help` lists the commands. After a script, the exit code is
/// 1 if one of its commands failed.
#[derive(Debug, Parser)]
#[command(name = "reconfigurable", version)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// The algorithm of the client; each has a register of its own
    #[arg(long, value_enum, default_value_t = Choice::SmartMerge, global = true)]
    algorithm: Choice,

    /// How many nodes are replicas at first: those with the smallest ids
    #[arg(long, value_name = "N", default_value_t = 3, global = true, value_parser = clap::value_parser!(u32).range(1..))]
    initial: u32,
}

fn main() -> ExitCode {
    let args = Args::parse();
    args.program.run(
        "reconfigurable",
        |_, disk| Replica::new(disk).map(RegisterReplicaServer::new),
        |runtime, manager, timeout| {
            prompt::run(runtime, manager, timeout, args.algorithm, args.initial)
        },
    )
}
