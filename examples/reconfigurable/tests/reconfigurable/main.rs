//! The register under faults, and the program as its users run it.

mod adversary;
mod command_line;
mod invariants;
#[cfg(unix)]
mod processes;
mod registers;
mod simulation;
mod slow_replica;
mod world;
