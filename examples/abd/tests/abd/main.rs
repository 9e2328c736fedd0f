//! The registers under faults, and the program as its users run it.

mod command_line;
#[cfg(unix)]
mod processes;
mod registers;
mod simulation;
