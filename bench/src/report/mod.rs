//! The results, for people and for programs.

mod svg;
mod table;

use std::path::Path;

use serde::Serialize;

use crate::args::{Compare, System};
use crate::compare::Comparison;
use crate::error::Error;
use crate::measured::Measured;
use crate::memory::Waiting;

/// Prints the results for one system.
pub(crate) fn one(system: System, measured: &Measured, json: bool) {
    match json {
        true => println!("{}", text_of(measured)),
        false => print!("{}", table::of_one(system, measured)),
    }
}

/// Prints the results for calls that wait.
pub(crate) fn waiting(system: System, waiting: &Waiting, json: bool) {
    match json {
        true => println!("{}", text_of(waiting)),
        false => print!("{}", table::of_waiting(system, waiting)),
    }
}

/// The results are numbers and text, which JSON can always represent.
fn text_of(measured: &impl Serialize) -> String {
    serde_json::to_string_pretty(measured).unwrap_or_default()
}

/// Writes results to a file.
pub(crate) fn write(path: &Path, results: &impl Serialize) -> Result<(), Error> {
    std::fs::write(path, text_of(results)).map_err(|source| Error::Write {
        path: path.to_path_buf(),
        source,
    })
}

/// Prints a comparison, and writes it to the files that the arguments name.
pub(crate) fn all(comparison: &Comparison, args: &Compare) -> Result<(), Error> {
    print!("{}", table::of_all(comparison));
    if let Some(path) = &args.json {
        write(path, comparison)?;
    }
    match &args.svg {
        Some(path) => svg::write(path, comparison),
        None => Ok(()),
    }
}
