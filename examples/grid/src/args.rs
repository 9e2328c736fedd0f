//! The command line.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::grid::{Grid, Position};

/// A register on a grid of replicas: reads take a row, writes take a column.
///
/// Starts the replicas in this process, on free ports. Then writes each value and reads it back, and draws the grid
/// after each call. The exit code is 1 when a call fails, and 2 when the arguments are wrong.
#[derive(Debug, Parser)]
#[command(name = "grid", version)]
pub(crate) struct Args {
    /// Number of rows
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    rows: u32,

    /// Number of columns
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    columns: u32,

    /// A replica that is down, as row,column; may be repeated
    #[arg(long, value_name = "ROW,COLUMN")]
    pub(crate) down: Vec<Position>,

    /// Deadline of a read or a write, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// The values to write, in this order
    #[arg(value_name = "VALUE", default_values = ["one", "two", "three"])]
    pub(crate) values: Vec<String>,
}

impl Args {
    /// The arguments of this process, which ends when they are wrong.
    pub(crate) fn of_process() -> Self {
        let args = Self::parse();
        let grid = args.grid();
        if let Some(position) = args.down.iter().find(|down| !grid.contains(**down)) {
            let message = format!("there is no replica {position} in a grid of {grid}");
            Self::command()
                .error(ErrorKind::ValueValidation, message)
                .exit();
        }
        args
    }

    pub(crate) fn grid(&self) -> Grid {
        Grid::new(self.rows, self.columns)
    }
}
