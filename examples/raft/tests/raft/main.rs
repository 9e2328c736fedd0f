//! The map under faults, and the program as its users run it.

mod command_line;
mod membership;
mod model;
#[cfg(unix)]
mod processes;
mod registers;
mod scenarios;
mod simulation;
mod state_machines;
