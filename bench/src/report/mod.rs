//! What was measured, for people and for programs.

mod svg;
mod table;

use crate::args::{Compare, System};
use crate::compare::Comparison;
use crate::error::Error;
use crate::measured::Measured;

/// Shows what was measured of one system.
pub(crate) fn one(system: System, measured: &Measured, json: bool) {
    if json {
        // Numbers and text only: there is nothing in it that JSON cannot have.
        println!(
            "{}",
            serde_json::to_string_pretty(measured).unwrap_or_default()
        );
    } else {
        print!("{}", table::of_one(system, measured));
    }
}

/// Shows a comparison, and writes it where it is asked for.
pub(crate) fn all(comparison: &Comparison, args: &Compare) -> Result<(), Error> {
    print!("{}", table::of_all(comparison));
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(comparison).unwrap_or_default();
        std::fs::write(path, json).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
    }
    match &args.svg {
        Some(path) => svg::write(path, comparison),
        None => Ok(()),
    }
}
