//! The program, and whole systems under faults.

mod command_line;
mod hostile;
#[cfg(unix)]
mod processes;
mod registers;
mod simulation;
