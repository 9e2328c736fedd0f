//! Makes calls of all types to five replicas for a given time, while replicas are killed, stopped, slow, removed or
//! answer with garbage. Then compares the resources of the last quiet state with those of the first.
//!
//! ```sh
//! cargo run --release -p tests --example soak -- --seconds 1200
//! ```

mod calls;
mod churn;
mod figures;
mod garbage;
mod garbage_grpc;
mod nemesis;
mod process;
mod record;
mod replica;
mod replicas;
mod suspects;
mod world;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};

use figures::{Figures, Line};
use nemesis::Fault;
use record::Record;
use world::World;

/// The number of replicas.
const REPLICAS: usize = 5;

/// The number of quiet states in a long run.
const QUIET_STATES: u32 = 10;

/// How long the calls and faults last, at least, before a quiet state.
const PART: Duration = Duration::from_secs(30);

/// Makes calls of all types to five replicas, which are child processes, with random faults at no more than two of them
/// at a time. Prints a line of figures every 10 seconds.
///
/// Ten times in a run, or every 30 seconds of a short one, the faults are lifted and the calls end. The program then
/// prints the resident memory, tasks and descriptors of this quiet state. The last quiet state must not exceed the
/// first by more than 8 tasks, 8 descriptors, and a third and 32 MiB of resident memory, for the client and for all
/// servers together.
///
/// The program checks all the time that a call decided by three nodes succeeds, by distinct nodes and with the
/// request's number, as long as no more than two are bad; that a call with a deadline ends no more than a second after
/// it, apart from the time for which the machine did not run this process; that nothing panics; that no replica exits
/// by itself; and that every call ends once the faults are lifted.
#[derive(Debug, Parser)]
#[command(name = "soak", after_help = EXIT_CODES)]
struct Arguments {
    /// Duration of the run in seconds, at least 60
    #[arg(long, default_value_t = 1200, value_parser = clap::value_parser!(u64).range(60..))]
    seconds: u64,

    /// Seed of the random faults and calls; random by default, and printed
    #[arg(long)]
    seed: Option<u64>,

    /// The faults to inject; all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,

    #[command(subcommand)]
    replica: Option<Replica>,
}

const EXIT_CODES: &str = "Exit codes:
  0  the figures are flat, and nothing was violated
  1  a figure grew, or something was violated: the last lines say what
  2  the arguments are wrong, or the replicas could not be started";

/// The role of a child process.
#[derive(Debug, Subcommand)]
enum Replica {
    /// Serve calls at an address
    #[command(hide = true)]
    Replica {
        address: SocketAddr,
        /// Longest delay of a handler, in milliseconds
        #[arg(long, default_value_t = 0)]
        delay: u64,
    },
    /// Answer calls at an address with garbage
    #[command(hide = true)]
    Garbage { address: SocketAddr, seed: u64 },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let outcome = match arguments.replica {
        Some(replica) => runtime.block_on(serve(replica)).map(|()| true),
        None => {
            let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
            let faults = match arguments.faults.is_empty() {
                true => Fault::value_variants().to_vec(),
                false => arguments.faults,
            };
            runtime.block_on(soak(Duration::from_secs(arguments.seconds), seed, faults))
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("soak: {error}");
    ExitCode::from(2)
}

async fn serve(replica: Replica) -> Result<(), Box<dyn Error>> {
    process::end_with_the_parent()?;
    match replica {
        Replica::Replica { address, delay } => {
            replica::serve(address, Duration::from_millis(delay)).await
        }
        Replica::Garbage { address, seed } => garbage::serve(address, seed).await,
    }
}

/// Whether the run passed.
async fn soak(duration: Duration, seed: u64, faults: Vec<Fault>) -> Result<bool, Box<dyn Error>> {
    println!("{} s, seed {seed}", duration.as_secs());
    let record = Arc::new(Record::new());
    record.count_panics();
    let world = World::start(seed, faults, Arc::clone(&record)).await?;
    let start = Instant::now();
    Line::print_header();
    let printing = tokio::spawn(print_lines(Arc::clone(&world), start));

    let mut quiet: Vec<Figures> = Vec::new();
    let parts = duration.div_duration_f64(PART) as u32;
    let parts = parts.clamp(2, QUIET_STATES);
    for part in 1..=parts {
        world.resume();
        tokio::time::sleep_until((start + duration * part / parts).into()).await;
        world.pause();
        let figures = world.quiet().await;
        println!("quiet {part:2} of {parts}: {figures}");
        quiet.push(figures);
    }
    printing.abort();
    Line::of(&world, start).print();

    let grown = match (quiet.first(), quiet.last()) {
        (Some(first), Some(last)) => last.grown_since(first),
        _ => Vec::new(),
    };
    for figure in &grown {
        println!("GREW: {figure}");
    }
    println!("seed {seed}: {}", record.summary());
    Ok(grown.is_empty() && record.violations() == 0)
}

async fn print_lines(world: Arc<World>, start: Instant) {
    let mut ticks = tokio::time::interval(Duration::from_secs(10));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        Line::of(&world, start).print();
    }
}
