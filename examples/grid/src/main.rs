//! A register on a grid of replicas: reads take a row, writes take a column.

mod args;
mod cluster;
mod error;
mod grid;
mod picture;
mod quorum;
mod replica;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use gorums_runtime::CallOptions;
use grid_proto::grid::register_gorums::RegisterConfiguration;
use grid_proto::grid::{ReadRequest, State};
use tokio::runtime::Runtime;

use crate::args::Args;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::picture::{LEGEND, Picture};
use crate::quorum::GridQuorums;

fn main() -> ExitCode {
    let args = Args::of_process();
    let run = Runtime::new()
        .map_err(Error::Runtime)
        .and_then(|runtime| runtime.block_on(run(&args, &mut io::stdout())));
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("grid: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes each value and reads it back, and prints both to `out`.
async fn run(args: &Args, out: &mut impl Write) -> Result<(), Error> {
    let grid = args.grid();
    let cluster = Cluster::start(grid, &args.down).await?;
    let timeout = Duration::from_millis(args.timeout);
    let quorums = grid.quorums()?;
    let spec = GridQuorums(quorums.clone());
    let register = RegisterConfiguration::new(cluster.configuration.clone())
        .with_spec(spec)
        .with_options(CallOptions::new().timeout(timeout));
    writeln!(out, "{grid}\n{LEGEND}").map_err(Error::Print)?;

    for (timestamp, value) in (1..).zip(&args.values) {
        let state = State {
            value: value.clone(),
            timestamp,
        };
        let written = register.write(state).with_node_ids().await;
        let written = written.map_err(|source| Error::Write {
            value: value.clone(),
            source,
        })?;
        let picture = Picture::of(grid, quorums.writes(), written.node_ids, &args.down);
        writeln!(out, "\nwrite {value:?}\n{picture}").map_err(Error::Print)?;

        let read = register.read(ReadRequest {}).with_node_ids().await;
        let read = read.map_err(Error::Read)?;
        let picture = Picture::of(grid, quorums.reads(), read.node_ids, &args.down);
        let value = read.value.value;
        writeln!(out, "\nread {value:?}\n{picture}").map_err(Error::Print)?;
    }
    Ok(())
}
